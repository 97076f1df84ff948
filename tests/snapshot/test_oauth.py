"""Access tokens in the read model: there when they are issued, gone when they are revoked, and read only once."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from allauth.idp.oidc.models import Client, Token
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from auth_app.models import Consent, Team, TrustedIssuer, User
from auth_app.oauth.server import token_hash
from proxy_app.snapshot import work
from proxy_app.snapshot.entries import OAuthTokens, Snapshot
from proxy_app.snapshot.keeper import Keeper
from proxy_app.snapshot.oauth import found_token
from tests.builders import a_membership, a_team, a_user

pytestmark = pytest.mark.anyio

RESOURCE = "http://127.0.0.1:8000/mcp"


def an_access_token(user: User, /, **values: Any) -> str:
    """The secret of one that a client was issued."""
    client = Client.objects.get_or_create(pk="a-client", defaults={"name": "Desk"})[0]
    consent = Consent.objects.get_or_create(user=user, client=client, resource=RESOURCE, defaults={"scopes": []})[0]
    secret = uuid4().hex
    data = {"consent": consent.pk.hex, "family": uuid4().hex, "resources": [RESOURCE]}
    usual = {
        "type": "at", "hash": token_hash(secret), "client": client, "user": user, "data": data,
        "scopes": "mcp:read\nmcp:call", "expires_at": timezone.now() + timedelta(hours=1),
    }  # fmt: skip
    Token.objects.create(**usual | values)
    return secret


def knows(snapshot: Snapshot, secret: str) -> bool:
    return found_token(snapshot, bytes.fromhex(token_hash(secret))) is not None


async def done(change: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(change)


async def until(happened: Callable[[], Any], within_s: float) -> None:
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < within_s, "it did not happen in time"
        await asyncio.sleep(0.005)


async def test_an_issued_token_is_known_at_once_and_a_revoked_one_is_not(kept: Keeper) -> None:
    secret = await done(lambda: an_access_token(a_user()))
    await until(lambda: knows(kept.snapshot, secret), 2)
    await done(lambda: Token.objects.all().delete())
    await until(lambda: not knows(kept.snapshot, secret), 2)


async def test_it_acts_for_its_owner_as_he_is_now(kept: Keeper) -> None:
    user = await done(lambda: a_user("ann@example.com"))
    secret = await done(lambda: an_access_token(user))
    key = bytes.fromhex(token_hash(secret))
    await until(lambda: knows(kept.snapshot, secret), 2)
    own = await done(lambda: Team.objects.get(person=user).pk)
    team = await done(lambda: a_team())
    await done(lambda: a_membership(team, user))

    def teams() -> Any:
        found = found_token(kept.snapshot, key)
        return found and found[1].actor.team_ids

    await until(lambda: teams() == {team.pk, own}, 2)
    await done(lambda: User.objects.update(is_active=False))
    await until(lambda: not knows(kept.snapshot, secret), 2)


async def test_issuers_are_known_when_they_are_trusted_and_no_longer(kept: Keeper) -> None:
    ann = await done(lambda: a_user())
    row = await done(lambda: TrustedIssuer.objects.create(name="Corp", issuer="https://id.example.com"))
    await done(lambda: row.subjects.create(subject="0815", user=ann))

    def subjects() -> Any:
        known = kept.snapshot.access.issuers.get("https://id.example.com")
        return known and known.subjects

    await until(lambda: subjects() == {"0815": ann.pk}, 2)
    await done(lambda: TrustedIssuer.objects.update(enabled=False))
    await until(lambda: not kept.snapshot.access.issuers, 2)


async def test_issuing_loads_neither_people_nor_api_tokens(kept: Keeper) -> None:
    user = await done(a_user)
    await until(lambda: user.pk in kept.snapshot.access.people, 2)
    access = kept.snapshot.access
    secret = await done(lambda: an_access_token(user))
    await until(lambda: knows(kept.snapshot, secret), 2)
    assert kept.snapshot.access is access


@pytest.mark.usefixtures("db")
def test_what_is_known_is_not_read_again() -> None:
    user = a_user()
    for _ in range(10):
        an_access_token(user)
    before = work.load_oauth(OAuthTokens())
    secret = an_access_token(user)
    with CaptureQueriesContext(connection) as queries:
        after = work.load_oauth(before)
    assert len(after.tokens) == 11
    key = bytes.fromhex(token_hash(secret))
    kept_alike = [after.tokens[one] is before.tokens[one] for one in before.tokens]
    assert key in after.tokens
    assert all(kept_alike)
    assert " IN (" in queries.captured_queries[-2]["sql"] or " IN (" in queries.captured_queries[-1]["sql"]


@pytest.mark.usefixtures("db")
def test_expired_ones_refresh_tokens_and_those_of_others_are_not_loaded() -> None:
    user = a_user()
    an_access_token(user, expires_at=timezone.now() - timedelta(seconds=1))
    an_access_token(user, type="rt")
    an_access_token(user, data={"resources": [RESOURCE]})
    an_access_token(user, user=None)
    assert work.load_oauth(OAuthTokens()).tokens == {}
