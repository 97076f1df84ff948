"""Team Blue with one of everything, team Red, and everybody who asks. Made once for all tests."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.test import Client
from django.utils import timezone

from auth_app.decisions import work as decisions
from auth_app.decisions.book import Origin, noted_now
from auth_app.decisions.finding import find_one
from auth_app.joining.rows import add_invitation
from auth_app.models import (
    ApiToken,
    AuditEntry,
    Consent,
    JoinRequest,
    Membership,
    RoleShadow,
    SsoApproval,
    SsoProvider,
    Team,
    TrustedIssuer,
    User,
)
from auth_app.policy import explain
from auth_app.users.work import load_actor
from gatewaysite.responses import wants_page
from proxy_app.models import Attestation, Drift, OAuthClient, OAuthConnection, Root, Transfer
from proxy_app.registry.kinds import KINDS
from tests.builders import (
    a_gateway,
    a_grant,
    a_membership,
    a_role,
    a_team,
    a_token,
    a_user,
    an_admin,
    own_prompt,
    own_resource,
)
from tests.contract.access.table import Line
from tests.oauth.conftest import GATEWAY, registered
from tests.registry.conftest import BUILDERS

JSON = "application/json"
PLACE = re.compile(r"<(\w+)>|\{([\w ]+)\}")


class World:
    def __init__(self) -> None:
        owner, member, viewer, stranger = (
            a_user(f"{name}@example.com") for name in ("owner", "member", "viewer", "stranger")
        )
        self.admin, self.outsider = an_admin("admin@example.com"), a_user("outsider@example.com")
        blue = a_team("Blue", owner=owner, members=(member,))
        a_membership(blue, viewer, Membership.Role.VIEWER)
        a_team("Red", members=(stranger,))
        self.keys = {
            "blue": blue.pk.hex, "viewer": viewer.pk.hex, "email": viewer.email, "member": member.email,
            "outsider": self.outsider.email, "link": "of-no-letter", "uidb36": "x", "pk": "1", "action": "unlock",
            "tag": "tools", "name": "ToolData",
            **self._of_the_registry(blue),
            **self._of_teams(blue, viewer, stranger),
            **self._of_people(member, viewer, blue),
            **self._of_oauth(member, blue),
            **_of_sso(),
        }  # fmt: skip
        report = Attestation.objects.create(seconds=5, status="lost", created_by="x", told_at=timezone.now())
        self.keys["attestations"] = report.pk.hex
        self.keys["entry"] = "deepwiki"  # of the catalogue, and for everybody
        taken = Transfer.objects.create(
            user=self.admin, created_by=self.admin.email, status="failed", counts={"create": 1}
        )
        self.keys["transfers"] = taken.pk.hex
        later = timezone.now() + timedelta(hours=1)
        self.clients = {
            "anonymous": Client(),
            "read-only token": _bearer(a_token(member, "looks", permissions=["*.read"])),
            "blue token": _bearer(a_token(member, "blue", team=blue)),
            "red token": _bearer(a_token(stranger, "red")),
            "program": _bearer(a_token(self.admin, "logged in by JSON", kind=ApiToken.Kind.SESSION, expires_at=later)),
            **{name: _session(user) for name, user in
               (("viewer", viewer), ("member", member), ("owner", owner), ("administrator", self.admin))},
        }  # fmt: skip

    def _of_the_registry(self, blue: Team) -> dict[str, str]:
        shared = {"visibility": "team", "team": blue, "owner": a_user("gone@example.com")}
        # Those of gateways are read where there is an upstream.
        own = {"resources": own_resource, "prompts": own_prompt}
        made = {kind.slug: (BUILDERS | own)[kind.slug](**shared) for kind in KINDS}
        Root.objects.create(uri="https://example.com/root")
        keys = {slug: row.pk.hex for slug, row in made.items()}
        drift = Drift.objects.create(gateway=made["gateways"], kind="tools", identity="x", name="x", sort="removed",
                                     state="waiting")  # fmt: skip
        return keys | {
            "drift": drift.pk.hex,
            "uri": made["resources"].uri,
            "number": "1",
            "root": "https://example.com/root",
        }

    def _of_teams(self, blue: Team, viewer: User, stranger: User) -> dict[str, str]:
        now, later = timezone.now(), timezone.now() + timedelta(hours=1)
        invited, _secret = add_invitation(blue, "nobody@example.com", "viewer", by="x", now=now)
        mine, _secret = add_invitation(blue, stranger.email, "viewer", by="x", now=now)
        asked = JoinRequest.objects.create(team=blue, user=self.outsider, expires_at=later)
        role, given = a_role("runner", ("tools.*",)), a_role("looks", ("tools.read",), scope="team")
        RoleShadow.objects.create(role=role, permissions=["tools.read"], until=later)
        a_grant(viewer, given, blue)
        return {
            "invitations": invited.pk.hex,
            "for the stranger": mine.pk.hex,
            "request_key": asked.pk.hex,
            "roles": role.pk.hex,
            "given": given.pk.hex,
        }

    def _of_people(self, member: User, viewer: User, blue: Team) -> dict[str, str]:
        a_token(member, "of the path")
        tool = find_one("tools", BUILDERS["tools"](visibility="team", team=blue).pk.hex)
        noted = noted_now(
            explain(load_actor(viewer.pk, viewer.email, is_admin=False), "tools.execute", tool), Origin("api")
        )
        decisions.store([noted])
        entry = AuditEntry.objects.create(
            pk=987_654_321, actor_email=viewer.email, action="tool.updated", object_kind="tools", object_id="x",
            team_id=blue.pk,
        )  # fmt: skip
        session = UserSession.objects.create(
            pk=987_654_321, user=member, ip="203.0.113.7", session_key="x" * 32, user_agent="x"
        )
        return {
            "tokens": ApiToken.objects.get(name="of the path").pk.hex,
            "denials": noted.id.hex,
            "audit": str(entry.pk),
            "sessions": str(session.pk),
        }

    def _of_oauth(self, member: User, blue: Team) -> dict[str, str]:
        client = registered()["client_id"]
        consent = Consent.objects.create(user=member, client_id=client, resource=f"{GATEWAY}/mcp", scopes=["mcp:read"])
        issuer = TrustedIssuer.objects.create(name="Corp", issuer="https://id.example.com")
        gateway = a_gateway("notes", visibility="team", team=blue, auth_type="oauth", oauth={"shared": True})
        OAuthConnection.objects.create(gateway=gateway, issuer="https://id.example.com")
        known = OAuthClient.objects.create(
            issuer="https://id.example.com", client_id="x", auth_method="none", redirect_uri=f"{GATEWAY}/oauth/callback"
        )
        return {
            "client": client,
            "consents": consent.pk.hex,
            "issuers": issuer.pk.hex,
            "connected": gateway.pk.hex,
            "registered": known.pk.hex,
        }

    def ask(self, caller: str, method: str, path: str, line: Line, key: str = "") -> Any:
        """The answer, and nothing of what was done for it."""
        given = self.keys | {"key": key or self.keys.get(line.key, "")}
        url = f"/{_filled(path, given)}" + (f"?{_filled(line.query, given)}" if line.query else "")
        kind: dict[str, Any] = {} if wants_page(url.partition("?")[0]) else {"content_type": JSON}
        client = self.clients[caller]
        with rolled_back(), same_cookies(client):
            if method == "GET":
                return client.get(url)
            body = _filled(line.body, given)
            return getattr(client, method.lower())(url, body if body is not None else {}, **kind)


def _of_sso() -> dict[str, str]:
    provider = SsoProvider.objects.create(
        slug="corp", display_name="Corp", kind="oidc", preset="oidc", issuer="https://id.example.com",
        client_id="poolgate", scopes=["openid"],
    )  # fmt: skip
    later = timezone.now() + timedelta(hours=1)
    approval = SsoApproval.objects.create(provider=provider, subject="x", email="new@example.com", expires_at=later)
    return {"sso": provider.slug, "provider_id": provider.slug, "approvals": approval.pk.hex}


def _bearer(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def _session(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def _filled(said: Any, given: dict[str, str]) -> Any:
    """With ids where their names stand."""
    if isinstance(said, dict):
        return {name: _filled(value, given) for name, value in said.items()}
    if isinstance(said, list):
        return [_filled(value, given) for value in said]
    if not isinstance(said, str):
        return said
    return PLACE.sub(lambda place: given[place[1] or place[2]], said)


@contextmanager
def rolled_back() -> Iterator[None]:
    """As pytest-django does for a test: what happens inside leaves nothing, and units may say that they are durable."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


@contextmanager
def same_cookies(client: Client) -> Iterator[None]:
    """Whoever logs out here is signed in afterwards all the same."""
    before = deepcopy(client.cookies)
    yield
    client.cookies = before
