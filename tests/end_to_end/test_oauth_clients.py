"""A client that knows only a URL: the official SDK finds out, registers, has a person log in, and calls a tool."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from allauth.idp.oidc.models import Client as ClientRow
from allauth.idp.oidc.models import Token
from django.contrib.auth.hashers import make_password
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from auth_app.models import User
from proxy_app.models import Server, Tool
from tests.builders import a_user
from tests.end_to_end.conftest import registered
from tests.gateway_process import GatewayProcess

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
SUBMIT_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
CALLBACK = "http://localhost:3030/callback"


class Storage:
    """What the SDK keeps for next time."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Person:
    """In front of a browser that opens what the client wants opened, logs in, and lets the client in."""

    email: str
    logged_in: int = 0
    asked: int = 0
    # What it asks for the first time, when that is to be less than it was told.
    first_scope: str = ""
    returned: dict[str, str] = field(default_factory=dict)

    async def open(self, url: str) -> None:
        if self.first_scope and not self.asked:
            url = str(httpx.URL(url).copy_set_param("scope", self.first_scope))
        async with httpx.AsyncClient(timeout=20) as browser:
            page = await browser.get(url, follow_redirects=True)
            if page.url.path == "/login":
                self.logged_in += 1
                form = {"login": self.email, "password": PASSWORD, "next": page.url.params["next"]}
                page = await browser.post(page.url, data=form | token_of(page), follow_redirects=True)
            assert page.status_code == 200, page.text
            self.asked += 1
            answer = await browser.post(page.url, data={"answer": "allow"} | token_of(page))
        assert answer.headers["location"].startswith(CALLBACK), answer.text
        self.returned = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    async def result(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**self.returned)


def token_of(page: httpx.Response) -> dict[str, str]:
    found = SUBMIT_TOKEN.search(page.text)
    assert found, page.text
    return {"csrfmiddlewaretoken": found[1]}


@pytest.fixture
def person(gateway: GatewayProcess) -> Person:
    User.objects.create(email="ann@example.com", password=make_password(PASSWORD))
    return Person("ann@example.com")


@pytest.fixture
def tools(gateway: GatewayProcess, admin_token: str, demo: str) -> None:
    """The demo's tools, at /mcp and on two servers."""
    row = registered(gateway, admin_token, demo)
    assert row["status"] == "active", row["lastError"]
    for name in ("desk", "lab"):
        server = Server.objects.create(name=name, slug=name)
        for position, tool in enumerate(Tool.objects.order_by("name")):
            server.places.create(tool=tool, position=position)


def provider(url: str, person: Person, storage: Storage) -> OAuthClientProvider:
    metadata = OAuthClientMetadata.model_validate({"client_name": "SDK", "redirect_uris": [CALLBACK]})
    return OAuthClientProvider(url, metadata, storage, person.open, person.result)


@asynccontextmanager
async def connected(url: str, auth: Any, mode: str = "auto") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(auth=auth, timeout=20) as http_client,
        Client(streamable_http_client(url, http_client=http_client), mode=mode) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("path", ["/mcp", "/servers/desk/mcp"])
async def test_a_client_that_knows_only_the_url_calls_a_tool(
    gateway: GatewayProcess, tools: None, person: Person, mode: str, path: str
) -> None:
    url, storage = gateway.url + path, Storage()
    async with connected(url, provider(url, person, storage), mode) as client:
        assert "demo-echo" in [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("demo-echo", {"text": "hello"})
        assert result.content[0].text == "hello"  # type: ignore[union-attr]
    assert (person.logged_in, person.asked) == (1, 1)
    assert storage.tokens is not None
    assert storage.tokens.scope == "mcp:read mcp:call"
    async with connected(url, provider(url, person, storage), mode) as client:
        await client.list_tools()
    assert person.asked == 1, "the next time it comes with what it kept"


async def test_an_expired_token_is_refreshed_without_the_person(
    gateway: GatewayProcess, tools: None, person: Person
) -> None:
    url, storage = gateway.url + "/mcp", Storage()
    auth = provider(url, person, storage)
    async with connected(url, auth) as client:
        await client.list_tools()
        assert storage.tokens is not None
        before = storage.tokens.access_token
        auth.context.token_expiry_time = 1
        await client.call_tool("demo-echo", {"text": "again"})
    assert storage.tokens.access_token != before
    assert person.asked == 1


async def test_a_client_that_may_only_look_asks_for_more_when_it_has_to(
    gateway: GatewayProcess, tools: None, person: Person
) -> None:
    person.first_scope = "mcp:read"
    url, storage = gateway.url + "/mcp", Storage()
    async with connected(url, provider(url, person, storage)) as client:
        await client.list_tools()
        assert storage.tokens is not None
        assert (storage.tokens.scope, person.asked) == ("mcp:read", 1)
        result = await client.call_tool("demo-echo", {"text": "more"})
        assert result.content[0].text == "more"  # type: ignore[union-attr]
    assert (storage.tokens.scope, person.asked) == ("mcp:read mcp:call", 2)


async def test_the_token_of_one_server_is_refused_at_the_other(
    gateway: GatewayProcess, tools: None, person: Person
) -> None:
    url, storage = gateway.url + "/servers/desk/mcp", Storage()
    async with connected(url, provider(url, person, storage)) as client:
        await client.list_tools()
    assert storage.tokens is not None
    secret = storage.tokens.access_token
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {secret}"}, timeout=20) as http:
        assert (await http.post(url, json=body)).status_code == 200
        for path in ("/servers/lab/mcp", "/mcp", "/rpc"):
            answer = await http.post(gateway.url + path, json=body)
            assert answer.status_code == 401, path
            told = answer.headers["www-authenticate"]
            assert f'resource_metadata="{gateway.url}/.well-known/oauth-protected-resource{path}"' in told
            assert 'error="invalid_token"' in told
        for path in ("/tools", "/tokens", "/metrics", "/ops/connections", "/proxy/x/y"):
            assert (await http.get(gateway.url + path)).status_code == 401, path


async def test_a_revoked_token_is_refused_by_every_worker_at_once(
    gateway: GatewayProcess, tools: None, person: Person
) -> None:
    url, storage = gateway.url + "/mcp", Storage()
    async with connected(url, provider(url, person, storage)) as client:
        await client.list_tools()
    assert storage.tokens is not None
    assert storage.client is not None
    headers = {"authorization": f"Bearer {storage.tokens.access_token}"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}

    def statuses() -> list[int]:
        return [worker.post("/mcp", json=body, headers=headers).status_code for worker in gateway.workers().values()]

    assert await asyncio.to_thread(statuses) == [200, 200]
    form = {"token": storage.tokens.refresh_token, "client_id": storage.client.client_id}
    if storage.client.client_secret:
        form["client_secret"] = storage.client.client_secret
    assert httpx.post(gateway.url + "/oauth/revoke", data=form).status_code == 200
    give_up_at = asyncio.get_running_loop().time() + 5
    while (found := await asyncio.to_thread(statuses)) != [401, 401]:
        assert asyncio.get_running_loop().time() < give_up_at, found


async def test_fifty_refreshes_at_once_make_one_new_token(gateway: GatewayProcess, tools: None, person: Person) -> None:
    url, storage = gateway.url + "/mcp", Storage()
    async with connected(url, provider(url, person, storage)) as client:
        await client.list_tools()
    assert storage.tokens is not None
    assert storage.client is not None
    form = {"grant_type": "refresh_token", "refresh_token": storage.tokens.refresh_token}
    form["client_id"] = storage.client.client_id
    if storage.client.client_secret:
        form["client_secret"] = storage.client.client_secret
    async with httpx.AsyncClient(timeout=30) as http:
        answers = await asyncio.gather(*(http.post(gateway.url + "/oauth/token", data=form) for _ in range(50)))
    told = sorted((answer.status_code, answer.json().get("error", "")) for answer in answers)
    assert told == [(200, "")] + [(400, "invalid_grant")] * 49
    kept = await asyncio.to_thread(lambda: sorted(Token.objects.values_list("type", flat=True)))
    assert kept == ["at", "at", "rt"], "the family lives, with one token more"


async def test_somebody_elses_private_tools_stay_so(gateway: GatewayProcess, tools: None, person: Person) -> None:
    other = await asyncio.to_thread(a_user)
    await asyncio.to_thread(lambda: Tool.objects.filter(original_name="echo").update(visibility="private", owner=other))
    url = gateway.url + "/mcp"
    async with connected(url, provider(url, person, Storage())) as client:
        assert "demo-echo" not in [tool.name for tool in (await client.list_tools()).tools]
    assert await asyncio.to_thread(ClientRow.objects.count) == 1
