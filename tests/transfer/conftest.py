"""A configuration with one of everything, and an administrator who moves it."""

from typing import Any

import pytest
from pytest_django import Settings

from auth_app.actor import Actor
from auth_app.models import Role, SsoProvider, Team, TrustedIssuer, User
from auth_app.stamps import Stamp
from auth_app.users.work import load_actor
from gatewaysite.secrets import seal
from proxy_app.models import Root, ServerPrompt, Tool
from proxy_app.registry.kinds import KINDS
from proxy_app.transfer import work
from proxy_app.transfer.exporting import Choice, export_document
from proxy_app.transfer.reading import read_document
from proxy_app.transfer.shapes import Outcome
from tests.builders import (
    a_gateway,
    a_prompt,
    a_resource,
    a_rest_tool,
    a_role,
    a_route,
    a_server,
    a_team,
    a_tool,
    a_user,
    an_admin,
    an_agent,
    own_prompt,
    own_resource,
)
from tests.registry.conftest import BUILDERS

TOKEN = "POOLGATE_SECRET_GATEWAYS_GITHUB_AUTH_TOKEN"
TOOL_TOKEN = "POOLGATE_SECRET_TOOLS_FIND_PET_AUTH_TOKEN"
AGENT_TOKEN = "POOLGATE_SECRET_AGENTS_WRITER_AUTH_TOKEN"
SSO_SECRET = "POOLGATE_SECRET_SSO_PROVIDERS_CORP_CLIENT_SECRET"


@pytest.fixture
def admin(db: None) -> Actor:
    return actor_of(an_admin("admin@example.com"))


@pytest.fixture
def secrets(settings: Settings) -> dict[str, str]:
    settings.IMPORT_SECRETS = {
        TOKEN: "ghp_secret",
        TOOL_TOKEN: "pets_secret",
        AGENT_TOKEN: "agents_secret",
        SSO_SECRET: "corp-secret",
    }
    return settings.IMPORT_SECRETS


def actor_of(user: User) -> Actor:
    return load_actor(user.pk, user.email, is_admin=user.is_admin)


def everything() -> None:
    """One of every kind, with more said of it than what goes without saying."""
    ann = a_user("ann@example.com")
    team = a_team("Blue", owner=ann, description="The blue ones", rate_limit="100/minute")
    parent = a_role("parent", ("tools.read",))
    a_role("child", ("servers.*",), inherits=parent)
    TrustedIssuer.objects.create(name="Corp", issuer="https://id.example.com", audiences=["us"])
    SsoProvider.objects.create(
        slug="corp", display_name="Corp", kind="oidc", preset="oidc", issuer="https://id.example.com",
        scopes=["openid"], client_id="poolgate", sealed_secret=seal({"secret": "corp-secret"}),
        rules=[{"claim": "groups", "op": "contains", "value": "x", "gives": "membership", "role": "member",
                "team": team.pk.hex}],
    )  # fmt: skip
    gateway = a_gateway(
        "GitHub", auth_type="bearer", sealed_headers=seal({"Authorization": "Bearer ghp_secret"}), tags=["code"],
        pool_options={"connectTimeout": 5}, owner=ann,
    )  # fmt: skip
    shared = a_gateway("gw2", visibility="team", team=team, owner=ann, enabled=False, description="of the team")
    search = a_tool("search", gateway=gateway, description="Ours now", tags=["a", "b"], timeout_ms=5000)
    hidden = a_tool("drop_all", gateway=gateway, enabled=False)
    notes = a_resource("notes", gateway=gateway, owner=ann)
    greet = a_prompt("greet", gateway=shared, display_name="Greets")
    pet = a_rest_tool(
        "find_pet", "https://api.example.com/v1/pets/{id}", auth_type="bearer", fixed_headers={"x-tenant": "blue"},
        sealed_headers=seal({"Authorization": "Bearer pets_secret"}), annotations={"readOnlyHint": True},
        query_mapping={"size": "limit"}, allowlist=["api.example.com"], jsonpath_filter="owner.name", timeout_ms=900,
    )  # fmt: skip
    writer = an_agent("Writer", auth_type="bearer", sealed_headers=seal({"Authorization": "Bearer agents_secret"}))
    Tool.objects.filter(agent=writer).update(display_name="Writes", tags=["prose"], enabled=False)
    readme = own_resource("readme", content="Read me, {{ all }}: yes", visibility="team", team=team)
    own_resource("logo", content=bytes(range(256)), mime_type="image/png")
    page = "https://docs.example.com/{page}"
    own_resource("page", uri=page, uri_template=page, content="About {page}")
    hello = own_prompt("Say hello", template="Hello {{ who }} of {{ where }}", title="Greeting")
    tools = (search, hidden, pet, writer.tool)
    server = a_server("dev", tools=tools, aliases={search.name: "find"}, description="For developers")
    server.resources.add(notes, readme)
    server.prompts.add(greet, hello)
    plain = a_server("plain", tools=(search,), aliases={search.name: "look"})
    plain.resources.add(notes)
    server.places.filter(tool=pet).update(description="Finds a pet", enabled=False)
    ServerPrompt.objects.filter(server=server, prompt=hello).update(alias="hello")
    Root.objects.create(uri="https://files.example.com/blue", name="Blue files")
    Root.objects.create(uri="https://files.example.com/red")
    a_route("api", visibility="team", team=team, methods=["GET"], added_headers={"x-tenant": "blue"})
    for kind in KINDS:  # whatever kinds there are beside these
        if not kind.model._default_manager.exists():
            BUILDERS[kind.slug]()


def nothing() -> None:
    """An installation that has people, and nothing else."""
    for kind in KINDS:
        kind.model._default_manager.all().delete()
    SsoProvider.objects.all().delete()
    TrustedIssuer.objects.all().delete()
    Root.objects.all().delete()
    Team.objects.filter(person=None).delete()
    Role.objects.filter(is_system=False, inherits__isnull=False).delete()
    Role.objects.filter(is_system=False).delete()


def exported(actor: Actor, **choice: Any) -> dict[str, Any]:
    """Without what differs from one moment to the next."""
    document = export_document(actor, Choice(**choice))
    return {name: value for name, value in document.items() if name != "exportedAt"}


def planned(actor: Actor, document: dict[str, Any], **asked: Any) -> Outcome:
    return work.plan_import(actor, read_document(document, **asked), Stamp(email=actor.email))


def applied(actor: Actor, document: dict[str, Any], *, fingerprint: str = "", **asked: Any) -> Outcome:
    return work.apply_import(actor, read_document(document, **asked), Stamp(email=actor.email), fingerprint=fingerprint)


def a_document(**parts: Any) -> dict[str, Any]:
    return {"format": "poolgate/1", **parts}


def done(outcome: Outcome) -> dict[str, int]:
    """What of the counts is not nothing."""
    return {name: count for name, count in outcome.counts.items() if count}
