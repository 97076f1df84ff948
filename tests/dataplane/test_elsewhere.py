"""Access tokens of trusted issuers: proved by the issuer's keys, for the right endpoint and person, or refused."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from auth_app.oauth.entries import Issuer
from proxy_app.dataplane import elsewhere, keys
from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import Answer
from tests.dataplane.rpc import call
from tests.dataplane.world import GATEWAY, World
from tests.upstream.fakes import FakeUpstream, Peer

pytestmark = pytest.mark.anyio

HERE = GATEWAY + "/mcp"
KEYS: dict[str, Any] = {"one": rsa.generate_private_key(65537, 2048), "two": ec.generate_private_key(ec.SECP256R1())}
ALGORITHMS = {"one": "RS256", "two": "ES256"}


def public(kid: str) -> dict[str, Any]:
    algorithm = jwt.get_algorithm_by_name(ALGORITHMS[kid])
    told: dict[str, Any] = json.loads(algorithm.to_jwk(KEYS[kid].public_key()))
    return told | {"kid": kid, "alg": ALGORITHMS[kid], "use": "sig"}


class Provider(FakeUpstream):
    """An issuer on a real socket. `listed`: the keys it tells of."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.listed = ["one"]
        self.slow_s = 0.0
        self.broken = False
        self.elsewhere: list[str] = []

    @property
    def issuer(self) -> str:
        return self.url.rstrip("/")

    async def _answer(self, peer: Peer) -> None:
        while True:
            path = (await peer.request()).line.split()[1]
            await asyncio.sleep(self.slow_s)
            if self.broken:
                await peer.answer(b"{}", status=b"500 Broken")
            elif path == "/.well-known/openid-configuration":
                told = {"issuer": self.issuer, "jwks_uri": self.issuer + "/keys"}
                await peer.answer(json.dumps(told).encode(), b"Content-Type: application/json")
            elif path == "/keys":
                await peer.answer(json.dumps({"keys": [public(kid) for kid in self.listed]}).encode())
            else:
                self.elsewhere.append(path)
                await peer.answer(b"{}", status=b"404 Not Found")

    def token(self, kid: str = "one", *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(time.time())
        usual = {
            "iss": self.issuer, "sub": "subject", "aud": HERE, "iat": now, "exp": now + 60,
            "email": "ann@example.com", "email_verified": True,
        }  # fmt: skip
        said = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(said, KEYS[kid], ALGORITHMS[kid], headers={"kid": kid} | (headers or {}))

    def asked(self, path: str) -> int:
        return sum(request.line.split()[1] == path for request in self.requests)


@pytest.fixture
async def provider(
    world: World, upstreams: UpstreamClient, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Provider]:
    monkeypatch.setattr(elsewhere, "keyring", keys.Keyring())
    elsewhere._proved.clear()
    world.person("ann@example.com")
    async with Provider() as provider:
        trust(world, provider)
        yield provider


def trust(world: World, provider: Provider, **values: Any) -> None:
    usual: dict[str, Any] = {"audiences": (), "person_claim": "email", "offered": False, "subjects": {}}
    world.issuers = [Issuer(uuid4(), provider.issuer, **(usual | values))]
    world.publish()


async def listed(token: str, path: str = "/mcp") -> Answer:
    return await call(token, "tools/list", path=path)


@pytest.mark.parametrize("kid", ["one", "two"])
async def test_a_token_of_a_trusted_issuer_lets_its_person_in(world: World, provider: Provider, kid: str) -> None:
    provider.listed = ["one", "two"]
    mine = next(iter(world.people.values()))
    world.tool("mine", visibility="private", owner_id=mine.user_id)
    world.tool("hers", visibility="private", owner_id=uuid4())
    world.publish()
    answer = await listed(provider.token(kid))
    assert answer.status == 200
    assert [tool["name"] for tool in answer.json["result"]["tools"]] == ["gw0-mine"]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": GATEWAY + "/rpc"},
        {"aud": [GATEWAY]},
        {"aud": None},
        {"iss": "https://other.example.com"},
        {"iss": None},
        {"sub": None},
        {"exp": None},
        {"exp": int(time.time()) - 120},
        {"exp": "soon"},
        {"nbf": int(time.time()) + 600},
        {"email": "nobody@example.com"},
        {"email": None},
        {"email": ["ann@example.com"]},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
    ],
)
async def test_what_is_wrong_with_a_token_is_401(provider: Provider, claims: dict[str, Any]) -> None:
    answer = await listed(provider.token(**claims))
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert (await listed(provider.token())).status == 200, "and a good one is good"


async def test_the_log_says_why_a_token_was_refused_and_the_caller_does_not(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", elsewhere.__name__)
    answer = await listed(provider.token(email="nobody@example.com"))
    assert "nobody" not in answer.body.decode()
    assert (await listed(provider.token(aud="x"))).status == 401
    said = [record.__dict__["why"] for record in caplog.records if record.name == elsewhere.__name__]
    assert said == [
        "by its sub and email it is for nobody here",
        f"its audience is neither {HERE} nor one that the issuer's row names",
    ]


async def test_only_a_signature_by_the_issuers_own_key_counts(provider: Provider) -> None:
    good = provider.token()
    claims = jwt.decode(good, options={"verify_signature": False})
    stranger = rsa.generate_private_key(65537, 2048)
    pem = (
        KEYS["one"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head, body, signature = good.split(".")
    forged = [
        jwt.encode(claims, "", "none"),
        jwt.encode(claims, stranger, "RS256", headers={"kid": "one"}),
        jwt.encode(claims, stranger, "RS256"),
        signed_with_the_public_key(pem, claims),
        f"{head}.{body}.",
        f"{head}.{body}.{signature[::-1]}",
        f"{head}.{body[:-4]}AAAA.{signature}",
        good + "x",
        "ey.ey.ey",
        "ey" + "x" * 20_000 + ".y.z",
    ]
    for token in forged:
        assert (await listed(token)).status == 401, token[:60]


def signed_with_the_public_key(pem: bytes, claims: dict[str, Any]) -> str:
    """By HS256, with what everybody can read as its secret. PyJWT would not do it; an attacker does."""
    parts = ({"alg": "HS256", "typ": "JWT", "kid": "one"}, claims)
    said = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(pem, said, "sha256")).rstrip(b"=")
    return (said + b"." + signature).decode()


@pytest.mark.parametrize("name", ["jku", "x5u"])
async def test_nothing_is_fetched_from_where_a_token_says(provider: Provider, name: str) -> None:
    token = provider.token("two", headers={name: provider.issuer + "/evil", "jwk": public("two")})
    assert (await listed(token)).status == 401
    assert provider.elsewhere == []


async def test_the_keys_are_read_once_for_any_number_of_tokens(provider: Provider) -> None:
    provider.slow_s = 0.02
    tokens = [provider.token(jti=str(number)) for number in range(30)]
    answers = await asyncio.gather(*map(listed, tokens))
    assert {answer.status for answer in answers} == {200}
    assert provider.asked("/keys") == 1


async def test_a_new_key_is_read_and_unknown_ones_do_not_make_us_ask_again_and_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await listed(provider.token())).status == 200
    provider.listed = ["two"]
    assert (await listed(provider.token("two"))).status == 401, "asked a moment ago"
    monkeypatch.setattr(keys, "ASKED_AGAIN_AFTER_S", 0.0)
    assert (await listed(provider.token("two"))).status == 200
    asked = provider.asked("/keys")
    monkeypatch.setattr(keys, "ASKED_AGAIN_AFTER_S", 10.0)
    for number in range(20):
        assert (await listed(provider.token(headers={"kid": f"unknown-{number}"}))).status == 401
    assert provider.asked("/keys") == asked


async def test_an_issuer_that_is_away_locks_nobody_out_whose_key_is_known(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.broken = True
    refused = await listed(provider.token())
    assert (refused.status, "retry-after" in refused.headers) == (503, True), "nothing was proved bad"
    monkeypatch.setattr(keys, "ASKED_AGAIN_AFTER_S", 0.0)
    provider.broken = False
    assert (await listed(provider.token())).status == 200
    provider.broken = True
    monkeypatch.setattr(keys, "KEPT_FOR_S", 0.0)
    assert (await listed(provider.token(jti="later"))).status == 200


async def test_a_token_that_was_proved_is_not_proved_again_and_is_judged_again(
    world: World, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = provider.token()
    assert (await listed(token)).status == 200
    monkeypatch.setattr(elsewhere, "_claims", lambda *_: pytest.fail("it was proved twice"))
    assert (await listed(token)).status == 200
    assert (await listed(token, "/rpc")).status == 401, "its audience is another endpoint"
    world.people.clear()
    world.publish()
    assert (await listed(token)).status == 401, "its person is locked out"


async def test_two_tokens_that_begin_alike_are_two(world: World, provider: Provider) -> None:
    world.person("bob@example.com")
    world.publish()
    ann, bob = provider.token(), provider.token(email="bob@example.com")
    assert ann[:20] == bob[:20]
    answers = [await elsewhere.entry_of_elsewhere(token, HERE) for token in (ann, bob)]
    assert [entry.actor.email for entry in answers] == ["ann@example.com", "bob@example.com"]


async def test_an_administrator_may_say_who_a_subject_is(world: World, provider: Provider) -> None:
    bob = world.person("bob@example.com")
    trust(world, provider, subjects={"subject": bob.user_id})
    entry = await elsewhere.entry_of_elsewhere(provider.token(email=None), HERE)
    assert entry.actor.email == "bob@example.com"


async def test_an_audience_of_the_issuers_own_may_be_named(world: World, provider: Provider) -> None:
    trust(world, provider, audiences=("api://gateway",))
    assert (await listed(provider.token(aud=["api://gateway", "other"]))).status == 200
    assert (await listed(provider.token())).status == 401


async def test_scopes_of_ours_hold_and_without_any_it_is_all(world: World, provider: Provider) -> None:
    world.tool("echo")
    world.publish()
    for scope, status in (("mcp:read", 403), ("openid profile", 200), ("mcp:read mcp:call", 200)):
        answer = await call(provider.token(scope=scope), "tools/call", {"name": "nothing-like-it"})
        assert answer.status == status, scope


async def test_clients_are_sent_to_an_issuer_that_is_offered(world: World, provider: Provider) -> None:
    from gatewaysite.asgi import application
    from tests.asgi_client import ask

    trust(world, provider, offered=True)
    told = (await ask(application, "GET", "/.well-known/oauth-protected-resource/mcp")).json
    assert told["authorization_servers"] == [provider.issuer, GATEWAY]
