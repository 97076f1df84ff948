"""What answers at a bare URL, asked in order. On the event loop; nothing is held."""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from proxy_app.probing.data import DetectedData, DetectedKind, Step
from proxy_app.upstream import client, mcp
from proxy_app.upstream.bodies import body_of, read_body
from proxy_app.upstream.errors import (
    UpstreamAuth,
    UpstreamError,
    UpstreamPoolFull,
    UpstreamTooLarge,
    UpstreamUnreachable,
)
from proxy_app.upstream.mcp import Endpoint
from proxy_app.upstream.mcp.endpoint import prepared
from proxy_app.upstream.mcp.texts import one_line

WITHIN_S = 30.0
ANSWER_WITHIN_S = 5.0
DOCUMENT_LIMIT_BYTES = 5 * 1024 * 1024
# Nothing that comes after would find out more.
NOBODY_THERE = (UpstreamUnreachable, UpstreamPoolFull)
OPENAPI = re.compile(rb"""^\s*["']?(?:openapi|swagger)["']?\s*:\s*["']?\d""", re.MULTILINE)
TITLE = re.compile(rb"""^\s*["']?title["']?\s*:\s*["']?([^"'\r\n,}]{1,100})""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a plain question."""

    status: int
    media_type: str
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass
class Detective:
    """One URL, and what was tried of it so far."""

    endpoint: Endpoint
    tried: list[Step] = field(default_factory=list)

    async def find(self) -> DetectedData:
        try:
            found = await self._ask()
        except NOBODY_THERE as error:
            self._note("address", error.message)
            found = None
        return found or self._answer(None, self.endpoint.url, "Nothing that this gateway knows answers there.")

    def gave_up(self) -> DetectedData:
        """The time is over."""
        return self._answer(None, self.endpoint.url, f"Nothing was found out within {WITHIN_S:g} seconds.")

    async def _ask(self) -> DetectedData | None:
        url = self.endpoint.url
        for place in dict.fromkeys((url, _below(url, "mcp"))):
            if found := await self._mcp(place):
                return found
        return await self._card() or await self._models() or await self._document() or await self._plain()

    async def _mcp(self, url: str) -> DetectedData | None:
        endpoint = replace(self.endpoint, url=url)
        step = f"MCP at {_path(url)}"
        try:
            discovery = await mcp.detect(endpoint)
        except NOBODY_THERE:
            raise
        except UpstreamAuth as refused:
            self._note(step, refused.message)
            if "resource_metadata" not in (refused.challenge or ""):
                return None
            self.tried[-1]["ok"] = True
            more = {"authType": "oauth", "oauthConfig": {}, "transport": "STREAMABLEHTTP"}
            return self._answer("mcp", url, "An MCP server that asks people to log in.", "", more)
        except UpstreamError as error:
            self._note(step, error.message)
            return None
        finally:
            mcp.forget(endpoint)
        self._note(step, f"MCP {discovery.protocol_version}", ok=True)
        answer = self._answer("mcp", url, "An MCP server.", discovery.server_name, {"transport": "STREAMABLEHTTP"})
        return answer | {"transport": "STREAMABLEHTTP", "era": discovery.era}

    async def _card(self) -> DetectedData | None:
        """A2A: the card of an agent, where it has been since 0.3 and where it was before."""
        for name in ("agent-card.json", "agent.json"):
            page = await self._get(f"A2A card {name}", _at_origin(self.endpoint.url, f"/.well-known/{name}"))
            card = page.json() if page else None
            if isinstance(card, dict) and isinstance(card.get("name"), str) and ("skills" in card or "url" in card):
                self.tried[-1] |= {"outcome": "An agent's card", "ok": True}
                at = one_line(card.get("url"), 2000)
                at = at if at.startswith(("https://", "http://")) else self.endpoint.url
                return self._answer("a2a", at, "An A2A agent.", one_line(card["name"], 100))
        return None

    async def _models(self) -> DetectedData | None:
        base = self.endpoint.url.rstrip("/")
        base = base if re.search(r"/v\d+$", urlsplit(base).path) else _below(base, "v1")
        page = await self._get("Models", f"{base}/models")
        listed = page.json() if page else None
        if not isinstance(listed, dict) or not isinstance(listed.get("data"), list) or listed.get("object") != "list":
            return None
        self.tried[-1] |= {"outcome": f"{len(listed['data'])} models", "ok": True}
        return self._answer("openai", base, "A provider of models with an OpenAI-compatible API.")

    async def _document(self) -> DetectedData | None:
        url = self.endpoint.url
        for place in dict.fromkeys((url, _at_origin(url, "/openapi.json"))):
            page = await self._get(f"OpenAPI at {_path(place)}", place)
            if page and OPENAPI.search(page.body[:65_536].replace(b"{", b"\n").replace(b",", b"\n")):
                self.tried[-1] |= {"outcome": "An OpenAPI document", "ok": True}
                title = TITLE.search(page.body[:65_536].replace(b"{", b"\n").replace(b",", b"\n"))
                name = one_line(title[1].decode("utf-8", "replace"), 100) if title else ""
                return self._answer("openapi", place, "A service that describes itself with OpenAPI.", name)
        return None

    async def _plain(self) -> DetectedData | None:
        page = await self._get("HTTP", self.endpoint.url)
        if page is None:
            return None
        if page.media_type == "text/event-stream":
            self.tried[-1] |= {"outcome": "An event stream"}
            message = "An MCP server of 2024-11-05 with the SSE transport, which is not supported yet."
            return self._answer("mcp", self.endpoint.url, message) | {"transport": "SSE", "era": "legacy"}
        self.tried[-1]["ok"] = True
        return self._answer("http", self.endpoint.url, "A plain HTTP service; it can have a proxy route.")

    async def _get(self, step: str, url: str) -> Page | None:
        """None when it is no answer, which is noted. An answer with 4xx is one only to the last question."""
        try:
            page = await _fetch(replace(self.endpoint, url=url))
        except NOBODY_THERE:
            raise
        except UpstreamError as error:
            self._note(step, error.message)
            return None
        self._note(step, f"HTTP {page.status}")
        return page if page.status < 400 or step == "HTTP" else None

    def _note(self, step: str, outcome: str, *, ok: bool = False) -> None:
        self.tried.append({"step": step, "outcome": outcome, "ok": ok})

    def _answer(
        self, kind: DetectedKind | None, url: str, message: str, name: str = "", more: dict[str, Any] | None = None
    ) -> DetectedData:
        name = name or (urlsplit(url).hostname or "")
        place = {"a2a": "endpointUrl", "openai": "baseUrl", "http": "upstreamUrl"}.get(kind or "", "url")
        return {
            "kind": kind,
            "url": url,
            "transport": "STREAMABLEHTTP" if kind == "mcp" else None,
            "era": None,
            "name": name,
            "suggested": {"name": name, place: url, **(more or {})} if kind else {},
            "tried": self.tried,
            "message": message,
        }


async def _fetch(endpoint: Endpoint) -> Page:
    """One GET with the credential that was given, and of the answer no more than a document has."""
    parts = prepared(endpoint)
    headers = [header for header in parts.headers if header[0] not in {b"Accept", b"Content-Type"}]
    request = httpx.Request(
        "GET", parts.url, headers=[*headers, (b"Accept", b"application/json, */*;q=0.5")],
        extensions=dict(parts.extensions),
    )  # fmt: skip
    response = await client.send(request, idempotent=True)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "text/event-stream":
        body_of(response).close()
        return Page(response.status_code, media_type, b"")
    try:
        return Page(response.status_code, media_type, await read_body(response, DOCUMENT_LIMIT_BYTES))
    except UpstreamTooLarge:
        return Page(response.status_code, media_type, b"")


def _below(url: str, name: str) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return url if path.endswith(f"/{name}") else urlunsplit(parts._replace(path=f"{path}/{name}"))


def _at_origin(url: str, path: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _path(url: str) -> str:
    return urlsplit(url).path or "/"
