"""API tokens: made and kept by people, shown once, and never able to do more than their owner."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import ApiToken, AuditEntry, Membership, Role, RoleGrant, User
from auth_app.tokens.entries import hours_of
from auth_app.tokens.secrets import hash_secret
from auth_app.tokens.uses import LastUses, last_uses
from auth_app.tokens.work import find_token, write_uses
from proxy_app.models import Call, Gateway
from tests.builders import a_gateway, a_membership, a_team, a_token, a_user, an_admin

Ask = Callable[..., Any]


@pytest.fixture
def user(db: None) -> User:
    return a_user("owner@example.com")


@pytest.fixture
def session(user: User) -> Client:
    return signed_in(user)


def signed_in(user: User) -> Client:
    client = Client(REMOTE_ADDR="203.0.113.7")
    client.force_login(user)
    return client


def make(client: Client, **body: Any) -> Any:
    return client.post("/tokens", {"name": "mine"} | body, content_type="application/json")


def with_token(secret: str, **environ: Any) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"}, **environ)


# --- Keeping ---------------------------------------------------------------------------------------------------------


def test_a_secret_is_shown_once_and_kept_as_a_hash(session: Client, user: User) -> None:
    answer = make(session, description="d", tags=["ci"], expires_in_days=7)
    assert answer.status_code == 201
    secret, told = answer.json()["access_token"], answer.json()["token"]
    row = ApiToken.objects.get()
    assert (bytes(row.secret_hash), row.last_four) == (hash_secret(secret), secret[-4:])
    assert (told["name"], told["user_email"], told["is_active"], told["tags"]) == ("mine", user.email, True, ["ci"])
    assert timedelta(days=6) < row.expires_at - datetime.now(UTC) <= timedelta(days=7)  # type: ignore[operator]
    for path in ("/tokens", f"/tokens/{told['id']}"):
        assert secret not in session.get(path).content.decode()
    entry = AuditEntry.objects.get(action="token.created")
    assert (entry.actor_email, entry.from_ip, secret in str(entry.changes)) == (user.email, "203.0.113.7", False)
    assert with_token(secret).get("/gateways").status_code == 200


def test_one_sees_and_changes_ones_own_only(session: Client) -> None:
    other = a_user()
    a_token(other, "theirs")
    key = ApiToken.objects.get().pk
    assert session.get("/tokens").json() == {"tokens": [], "total": 0, "limit": 50, "offset": 0}
    for answer in (
        session.get(f"/tokens/{key}"),
        session.put(f"/tokens/{key}", {"name": "x"}, content_type="application/json"),
        session.delete(f"/tokens/{key}"),
        session.get("/tokens/none"),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (404, "Token not found")
    assert session.get("/tokens/admin/all").status_code == 403
    assert session.delete(f"/tokens/admin/{key}").status_code == 403


def test_administrators_see_and_revoke_everybodys(user: User) -> None:
    secret = a_token(user, "theirs")
    admin = signed_in(an_admin())
    (told,) = admin.get("/tokens/admin/all?user_email=OWNER@example.com").json()["tokens"]
    assert (told["name"], told["user_email"]) == ("theirs", user.email)
    path = f"/tokens/admin/{told['id']}"
    assert admin.delete(path, {"reason": "left"}, content_type="application/json").status_code == 204
    assert admin.delete(path).status_code == 409
    assert with_token(secret).get("/gateways").status_code == 401
    row = ApiToken.objects.get()
    assert (row.revoked_by, row.revoked_why) == (admin.get("/tokens").wsgi_request.user.email, "left")  # type: ignore[union-attr]


def test_a_token_manages_no_tokens(session: Client) -> None:
    made = make(session).json()
    client = with_token(made["access_token"])
    for answer in (
        client.get("/tokens"),
        make(client, name="nested"),
        client.put(f"/tokens/{made['token']['id']}", {"scope": {}}, content_type="application/json"),
        client.delete(f"/tokens/{made['token']['id']}"),
        client.get("/tokens/admin/all"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "session_required")


def test_a_name_is_taken_once_per_owner(session: Client) -> None:
    assert [make(session).status_code for _ in range(2)] == [201, 409]
    assert make(signed_in(a_user())).status_code == 201


def test_what_is_said_anew_replaces_and_the_rest_stays(session: Client) -> None:
    made = make(session, description="d", scope={"permissions": ["tools.read"], "ip_restrictions": ["10.1.2.3/8"]})
    path = f"/tokens/{made.json()['token']['id']}"
    changed = session.put(path, {"name": "other"}, content_type="application/json").json()
    assert (changed["name"], changed["description"], changed["resource_scopes"]) == ("other", "d", ["tools.read"])
    assert changed["ip_restrictions"] == ["10.0.0.0/8"]
    scope = {
        "usage_limits": {"rate": "10/minute"},
        "time_restrictions": {"days": ["mon"], "from": "08:00", "to": "18:00"},
    }
    changed = session.put(path, {"scope": scope}, content_type="application/json").json()
    assert (changed["resource_scopes"], changed["ip_restrictions"]) == ([], [])
    assert changed["usage_limits"] == {"rate": "10/minute"}
    assert changed["time_restrictions"] == {"days": ["mon"], "from": "08:00", "to": "18:00", "timezone": "UTC"}
    assert AuditEntry.objects.filter(action="token.updated", changes__has_key="permissions").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 100_000}, "expires_in_days"),
        ({"team_id": "00000000-0000-4000-8000-000000000000"}, "team_id"),
        ({"scope": {"permissions": ["no.such"]}}, "permissions"),
        ({"scope": {"ip_restrictions": ["10.0.0.0/99"]}}, "ip_restrictions"),
        ({"scope": {"time_restrictions": {"from": "25:00"}}}, "from"),
        ({"scope": {"time_restrictions": {"timezone": "Mars/Base"}}}, "timezone"),
        ({"scope": {"usage_limits": {"rate": "often"}}}, "rate"),
        ({"scope": {"unknown": 1}}, "unknown"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(session: Client, body: dict[str, Any], field: str) -> None:
    answer = make(session, **body)
    assert answer.status_code == 422
    assert field in [part for error in answer.json()["detail"] for part in error["loc"]]
    assert not ApiToken.objects.exists()


# --- What a token may ------------------------------------------------------------------------------------------------


def made_with(session: Client, **scope: Any) -> str:
    answer = make(session, scope=scope)
    assert answer.status_code == 201, answer.content
    secret: str = answer.json()["access_token"]
    return secret


def test_a_read_only_token_of_an_administrator_changes_nothing(db: None) -> None:
    client = with_token(made_with(signed_in(an_admin()), permissions=["*.read"]))
    gateway = a_gateway()
    assert client.get("/gateways").json()[0]["name"] == gateway.name
    refused = client.put(f"/gateways/{gateway.pk.hex}", {"description": "x"}, content_type="application/json")
    assert (refused.status_code, "gateways.update" in refused.json()["detail"]) == (403, True)
    assert client.delete(f"/gateways/{gateway.pk.hex}").status_code == 403
    assert Gateway.objects.filter(description=None).exists()


def test_a_scope_never_adds_to_what_its_owner_may(session: Client) -> None:
    gateway = a_gateway()
    client = with_token(made_with(session, permissions=["gateways.*", "*"]))
    assert client.delete(f"/gateways/{gateway.pk.hex}").status_code == 403


def test_a_token_of_a_team_reaches_that_team_and_what_is_public(user: User, session: Client) -> None:
    red, blue = (a_team(name, members=(user,)) for name in ("Red", "Blue"))
    for team in (red, blue):
        a_gateway(f"{team.slug}-gw", visibility="team", team=team)
    a_gateway("open-gw")
    a_gateway("my-gw", visibility="private", owner=user)
    secret = make(session, team_id=str(red.pk)).json()["access_token"]
    names = [item["name"] for item in with_token(secret).get("/gateways").json()]
    assert sorted(names) == ["open-gw", "red-gw"]
    Membership.objects.filter(team=red).delete()
    assert [item["name"] for item in with_token(secret).get("/gateways").json()] == ["open-gw"]


def test_a_token_works_from_its_networks_only(session: Client) -> None:
    secret = made_with(session, ip_restrictions=["203.0.113.0/24", "2001:db8::/32"])
    for address, status in (
        ("203.0.113.9", 200), ("2001:db8::1", 200), ("::ffff:203.0.113.9", 200), ("203.0.114.1", 403), ("", 403),
    ):  # fmt: skip
        assert with_token(secret, REMOTE_ADDR=address).get("/gateways").status_code == status, address


@pytest.mark.parametrize(
    ("told", "moments"),
    [
        ({"days": ["mon"]}, {"2026-11-23T00:00": True, "2026-11-24T00:00": False}),
        (
            {"from": "08:00", "to": "18:00"},
            {"2026-11-23T08:00": True, "2026-11-23T17:59": True, "2026-11-23T18:00": False},
        ),
        ({"days": ["fri"], "from": "22:00", "to": "06:00"}, {"2026-11-28T05:00": True, "2026-11-27T05:00": False}),
        (
            {"from": "09:00", "to": "10:00", "timezone": "Asia/Tokyo"},
            {"2026-11-23T00:30": True, "2026-11-23T09:30": False},
        ),
    ],
)
def test_hours_are_those_of_their_place_and_may_pass_midnight(told: dict[str, Any], moments: dict[str, bool]) -> None:
    hours = hours_of(told)
    assert hours is not None
    found = {moment: hours.cover(datetime.fromisoformat(moment).replace(tzinfo=UTC)) for moment in moments}
    assert found == moments


def test_a_token_for_one_server_gets_nowhere_else(session: Client) -> None:
    secret = made_with(session, server_id="00000000-0000-4000-8000-000000000000")
    answer = with_token(secret).get("/gateways")
    assert (answer.status_code, answer.json()["code"]) == (403, "token_out_of_scope")


# --- Roles -----------------------------------------------------------------------------------------------------------


def actor_of(secret: str) -> Actor:
    found = find_token(hash_secret(secret))
    assert found is not None
    return found.actor


def test_a_granted_role_counts_until_it_expires_and_brings_what_it_inherits(user: User) -> None:
    secret = a_token(user)
    base = Role.objects.create(name="base", scope="global", permissions=["connections.read"])
    heir = Role.objects.create(name="heir", scope="global", permissions=["metrics.read"], inherits=base)
    grant = RoleGrant.objects.create(user=user, role=heir)
    (found,) = actor_of(secret).grants
    assert (found.role, found.team_id) == ("heir", None)
    assert found.permissions == {"connections.read", "metrics.read"}
    grant.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    grant.save()
    assert actor_of(secret).grants == frozenset()


def test_roles_that_inherit_from_each_other_come_to_an_end(user: User) -> None:
    one = Role.objects.create(name="one", scope="global", permissions=["metrics.read"])
    other = Role.objects.create(name="other", scope="global", permissions=["calls.read"], inherits=one)
    Role.objects.filter(pk=one.pk).update(inherits=other)
    RoleGrant.objects.create(user=user, role=one)
    (found,) = actor_of(a_token(user)).grants
    assert found.permissions == {"metrics.read", "calls.read"}


def test_a_role_in_a_team_reaches_what_that_team_has(user: User) -> None:
    team = a_team("Green")
    a_membership(team, a_user())
    gateway = a_gateway(visibility="team", team=team)
    client = with_token(a_token(user))
    assert client.get(f"/gateways/{gateway.pk.hex}").status_code == 404
    RoleGrant.objects.create(user=user, role=Role.objects.get(name="viewer"), team=team)
    assert client.get(f"/gateways/{gateway.pk.hex}").status_code == 200
    change = {"description": "x"}
    assert client.put(f"/gateways/{gateway.pk.hex}", change, content_type="application/json").status_code == 403
    RoleGrant.objects.update(role=Role.objects.get(name="developer"))
    assert client.put(f"/gateways/{gateway.pk.hex}", change, content_type="application/json").status_code == 200


# --- Last uses -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_last_use_is_written_down_for_all_together_and_never_goes_back() -> None:
    user = a_user()
    secrets = [a_token(user) for _ in range(3)]
    for secret, address in zip(secrets, ("203.0.113.1", "2001:db8::1", ""), strict=True):
        assert with_token(secret, REMOTE_ADDR=address).get("/gateways").status_code == 200
    asyncio.run(last_uses.write())
    rows = list(ApiToken.objects.order_by("created_at"))
    assert [row.last_used_ip for row in rows] == ["203.0.113.1", "2001:db8::1", None]
    newest = rows[0].last_used_at
    assert newest is not None
    write_uses({rows[0].pk: (newest.timestamp() - 60, "203.0.113.9")})
    rows[0].refresh_from_db()
    assert (rows[0].last_used_at, rows[0].last_used_ip) == (newest, "203.0.113.1")


@pytest.mark.parametrize(
    ("error", "are_kept"), [(OperationalError("the connection is closed"), True), (ValueError("a bug"), False)]
)
def test_uses_wait_for_the_database_and_a_bug_keeps_none_from_being_written(
    monkeypatch: pytest.MonkeyPatch, error: Exception, are_kept: bool
) -> None:
    asked: list[Any] = []

    async def run(unit: Any, uses: Any) -> None:
        asked.append(uses)
        if len(asked) == 1:
            raise error

    monkeypatch.setattr("auth_app.tokens.uses.run_unit", run)
    monkeypatch.setattr("auth_app.tokens.uses.is_trouble", lambda error: isinstance(error, OperationalError))
    uses = LastUses()
    uses.note(uuid4(), "203.0.113.7")
    asyncio.run(uses.write())
    asyncio.run(uses.write())
    assert (len(asked) == 2) is are_kept


# --- What it was used for ---------------------------------------------------------------------------------------------


def a_call(token: ApiToken, name: str, outcome: str = "ok", **values: Any) -> None:
    defaults = {
        "at": timezone.now(),
        "method": "tools/call",
        "tool_name": name,
        "outcome": outcome,
        "duration_ms": 20.0,
    }
    Call.objects.create(token_id=token.pk, user_id=token.user_id, **defaults | values)


def test_a_token_tells_what_it_was_used_for(session: Client, user: User) -> None:
    a_token(user, "mine")
    mine = ApiToken.objects.get(name="mine")
    for outcome in ("ok", "tool_error", "forbidden", "upstream_timeout"):
        a_call(mine, "search", outcome)
    a_call(mine, "", method="GET", path="/orders/1")
    a_call(mine, "long ago", at=timezone.now() - timedelta(days=31))
    told = session.get(f"/tokens/{mine.pk.hex}/usage").json()
    assert told["period_days"] == 30
    assert (told["total_requests"], told["successful_requests"], told["blocked_requests"]) == (5, 3, 1)
    assert (told["success_rate"], told["average_response_time_ms"]) == (0.6, 20.0)
    assert told["top_endpoints"] == [["search", 4], ["GET /orders/1", 1]]
    assert [(day["requests"], day["successful"]) for day in told["days"]] == [(5, 3)]
    assert session.get(f"/tokens/{mine.pk.hex}/usage?days=90").json()["total_requests"] == 6
    assert session.get(f"/tokens/{mine.pk.hex}/usage?days=0").status_code == 422
    page = session.get(f"/admin/tokens/{mine.pk.hex}").content.decode()
    assert "GET /orders/1" in page
    assert '<meter min="0" max="5" value="5"' in page


def test_nobody_learns_what_anothers_token_was_used_for(session: Client, user: User) -> None:
    a_token(a_user(), "theirs")
    theirs = ApiToken.objects.get(name="theirs").pk.hex
    for path in (f"/tokens/{theirs}/usage", f"/admin/tokens/{theirs}"):
        assert session.get(path).status_code == 404


def test_the_tokens_for_a_team_are_seen_by_its_owners(session: Client, user: User) -> None:
    team = a_team("Blue", owner=user, members=(other := a_user(),))
    a_token(other, "of a member", team=team)
    a_token(other, "for all their teams")
    a_token(other, "gone", team=team, revoked_at=timezone.now())
    told = session.get(f"/tokens/teams/{team.pk.hex}").json()
    assert ([one["name"] for one in told["tokens"]], told["total"]) == (["of a member"], 1)
    body = {"name": "pipeline", "expires_in_days": 30}
    made = session.post(f"/tokens/teams/{team.pk.hex}", body, content_type="application/json")
    assert (made.status_code, made.json()["token"]["team_id"]) == (201, team.pk.hex)
    team.memberships.filter(user=user).update(role="viewer")
    assert session.get(f"/tokens/teams/{team.pk.hex}").status_code == 403
    assert session.get(f"/tokens/teams/{a_team('Red').pk.hex}").status_code == 404
