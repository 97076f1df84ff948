"""The whole gateway in one process, over its own ASGI application, beside a provider on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from auth_app.models import User
from gatewaysite.asgi import application
from gatewaysite.db.units import stop_units
from proxy_app.dataplane.bridge import Bridge
from proxy_app.federation import sync
from proxy_app.models import Gateway
from proxy_app.oauth.live.tokens import live_tokens
from proxy_app.snapshot.keeper import Keeper, keeper
from proxy_app.upstream import client as client_module
from proxy_app.upstream.mcp import discovery
from proxy_app.upstream.mcp.sessions import Sessions, sessions
from tests.asgi_client import Answer, ask
from tests.builders import a_gateway, a_token, a_tool, a_user
from tests.committed import db
from tests.connecting.provider import Provider

__all__ = ["db"]


@dataclass
class Person:
    """Somebody with a browser that is signed in, and an MCP client with a token of theirs."""

    user: User
    cookie: str
    token: str

    async def get(self, path: str, **query: str) -> Answer:
        return await self.browse("GET", path, query=urlencode(query))

    async def browse(self, method: str, path: str, **request: Any) -> Answer:
        return await ask(application, method, path, headers={"cookie": self.cookie}, **request)

    async def api(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        sent = b"" if body is None else json.dumps(body).encode()
        return await ask(application, method, path, headers=headers, body=sent)

    async def leave(self, gateway: Gateway) -> str:
        """Where they are sent to connect."""
        answer = await self.get(f"/oauth/authorize/{gateway.pk.hex}")
        assert answer.status == 303, answer.body.decode()
        return answer.headers["location"]

    async def connect(self, gateway: Gateway, provider: Provider, who: str = "") -> None:
        back = provider.logged_in(await self.leave(gateway), who or self.user.email)
        answer = await self.get("/oauth/callback", **back)
        assert answer.status == 200, answer.body.decode()

    async def call(self, tool: str = "gw-whoami") -> Any:
        """The result of a tool, or the error."""
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}}
        answer = (await self.api("POST", "/mcp", request)).json
        return answer.get("result") or answer["error"]

    async def whoami(self) -> str:
        return str((await self.call())["content"][0]["text"])


@pytest.fixture
async def house(
    db: None, anyio_backend: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """A process that has just started: nothing is known, and the loopback may be called."""
    settings.UPSTREAM_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    built = client_module.build_client(django_settings)
    monkeypatch.setattr(client_module, "_client", built)
    monkeypatch.setattr(Bridge, "loop", asyncio.get_running_loop())
    before = dict(keeper.__dict__)
    keeper.__dict__.update(Keeper().__dict__)
    sessions.__dict__.update(Sessions().__dict__)
    discovery.forget_all()
    live_tokens.forget_all()
    yield
    await sessions.close()
    await built.aclose()
    await stop_units()
    keeper.__dict__.clear()
    keeper.__dict__.update(before)
    live_tokens.forget_all()


@pytest.fixture
async def provider(house: None) -> AsyncIterator[Provider]:
    provider = Provider()
    async with provider.upstream:
        provider.described()
        yield provider


@pytest.fixture
def people(house: None) -> Callable[..., Any]:
    async def person(email: str, **values: Any) -> Person:
        return await asyncio.to_thread(_person, email, **values)

    return person


def _person(email: str, **values: Any) -> Person:
    user = a_user(email, **values)
    browser = Client()
    browser.force_login(user)
    cookie = f"{django_settings.SESSION_COOKIE_NAME}={browser.cookies[django_settings.SESSION_COOKIE_NAME].value}"
    return Person(user, cookie, a_token(user))


@pytest.fixture
async def ann(people: Callable[..., Any]) -> Person:
    return await people("ann@example.com")


@pytest.fixture
async def bob(people: Callable[..., Any]) -> Person:
    return await people("bob@example.com")


@pytest.fixture
async def admin(people: Callable[..., Any]) -> Person:
    return await people("admin@example.com", admin=True)


@pytest.fixture
async def gateway(provider: Provider) -> Gateway:
    """Registered, with one tool, for everybody; each person connects themselves."""
    return await a_protected_gateway(provider)


async def a_protected_gateway(provider: Provider, *, name: str = "gw", **values: Any) -> Gateway:
    def build() -> Gateway:
        row = {
            "url": provider.url,
            "auth_type": "oauth",
            "oauth": {"grant_type": "authorization_code"},
            "era": "modern",
        }
        gateway = a_gateway(name, **row | values)
        a_tool("whoami", gateway=gateway)
        return gateway

    gateway = await asyncio.to_thread(build)
    await keeper.check()
    return gateway


async def rows[T](query: Callable[..., T], *args: Any) -> T:
    return await asyncio.to_thread(partial(query, *args))


sync_gateway = sync.sync_gateway
