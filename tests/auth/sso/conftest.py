"""A provider on a real socket, a loop to call it from, and browsers that go there and come back."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from auth_app.models import SsoProvider
from auth_app.sso import discovery
from gatewaysite.secrets import seal
from proxy_app.dataplane.bridge import Bridge
from proxy_app.upstream import client as upstream
from tests.auth.sso.op import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, openid_provider
from tests.builders import a_token, an_admin

PERSON = {"sub": "s-1", "email": "ann@example.com", "email_verified": True, "name": "Ann"}


@pytest.fixture
def way_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real client on a loop of its own, as in a worker; the loopback may be called, and may take its time."""
    monkeypatch.setattr("auth_app.sso.outgoing.ANSWERS_WITHIN_S", 60.0)
    settings.UPSTREAM_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    before = upstream.client()
    upstream.install(settings)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(upstream.client().door.open(), loop).result(5)
    Bridge.loop = loop
    discovery.forget_all()
    yield
    Bridge.loop = None
    asyncio.run_coroutine_threadsafe(upstream.client().door.aclose(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()
    upstream._client = before


@pytest.fixture
def op(way_out: None, db: None) -> Iterator[OpenIdProvider]:
    with openid_provider() as op:
        op.claims = dict(PERSON)
        yield op


def a_provider(op: OpenIdProvider, slug: str = "main", **values: Any) -> SsoProvider:
    defaults = {
        "display_name": "Main",
        "preset": "oidc",
        "kind": "oidc",
        "issuer": op.issuer,
        "client_id": CLIENT_ID,
        "sealed_secret": seal({"secret": CLIENT_SECRET}),
        "scopes": ["openid", "email"],
    }
    return SsoProvider.objects.create(slug=slug, **defaults | values)


class Wanderer:
    """A browser that goes to the provider and comes back."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1:8000"})

    def start(self, slug: str = "main", **query: str) -> str:
        answer: Any = self.client.get(f"/login/sso/{slug}", query)
        assert answer.status_code == 302, answer.content
        return str(answer["Location"])

    def back(self, url: str) -> Any:
        parts = urlsplit(url)
        return self.client.get(f"{parts.path}?{parts.query}")

    def sign_in(self, op: OpenIdProvider, slug: str = "main", *, next: str = "", **changed: str) -> Any:
        query = {"next": next} if next else {}
        return self.back(op.authorize(self.start(slug, **query), **changed))

    @property
    def is_in(self) -> bool:
        return bool(self.client.get("/admin").status_code == 200)


@pytest.fixture
def wanderer() -> Wanderer:
    return Wanderer()


@pytest.fixture
def boss(db: None) -> Client:
    return Client(headers={"authorization": f"Bearer {a_token(an_admin('boss@example.com'))}"})
