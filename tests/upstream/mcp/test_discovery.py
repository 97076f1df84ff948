"""Telling the eras apart, and saying in a sentence why something is no upstream for us."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from proxy_app.upstream.client import stats
from proxy_app.upstream.errors import UpstreamBusy, UpstreamError
from proxy_app.upstream.mcp import Endpoint, call, detect
from tests.upstream.fakes import FakeUpstream, Script, closed_port, mute, polite, says
from tests.upstream.mcp.fake_mcp import (
    Reply,
    accept,
    discovered,
    error,
    events,
    initialized,
    legacy,
    methods_of,
    plain,
    result,
    server,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("client")]


def at(url: str, **options: Any) -> Endpoint:
    return Endpoint(key="gw:cred", url=url, **{"timeout_s": 1.0, **options})


async def test_a_modern_server_is_told_by_its_discovery() -> None:
    async with FakeUpstream(server({"server/discover": discovered()})) as upstream:
        found = await detect(at(upstream.url))
        request = upstream.requests[0]
    assert (found.era, found.protocol_version, found.server_name) == ("modern", "2026-07-28", "new")
    assert request.header("mcp-protocol-version") == "2026-07-28"
    assert request.header("mcp-method") == "server/discover"
    meta = json.loads(request.body)["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"


PROBE_ANSWERS: dict[str, Callable[[dict[str, Any]], Reply]] = {
    "400 and an error object": lambda m: error(m, -32600, "Bad Request: Missing session ID", b"400 Bad Request"),
    "400 and text": lambda m: plain(b"400 Bad Request", b"Bad Request: Server not initialized"),
    "404 and HTML": lambda m: (b"404 Not Found", b"Content-Type: text/html", b"<h1>Not Found</h1>"),
    "406": lambda m: plain(b"406 Not Acceptable"),
    "200 and method not found": lambda m: error(m, -32601, "Method not found"),
    "404 and method not found": lambda m: error(m, -32601, "Method not found", b"404 Not Found"),
    "500": lambda m: plain(b"500 Internal Server Error"),
    "200 and another result": lambda m: result(m, {"tools": []}),
    "a stream with an error": lambda m: events({"id": m["id"], "error": {"code": -32602, "message": "what"}}),
    "only older versions": lambda m: result(m, {"supportedVersions": ["2025-11-25"], "capabilities": {}}),
    "a refusal that names older versions": lambda m: error(
        m, -32022, "Unsupported", b"400 Bad Request", data={"supported": ["2025-06-18"], "requested": "2026-07-28"}
    ),
    "an empty 202": lambda m: (b"202 Accepted", b"X: 1", b""),
}


@pytest.mark.parametrize("name", PROBE_ANSWERS)
async def test_whatever_is_not_clearly_modern_is_greeted_in_the_older_way(name: str) -> None:
    methods = {"server/discover": lambda request, message: PROBE_ANSWERS[name](message)}
    async with FakeUpstream(legacy(methods)) as upstream:
        found = await detect(at(upstream.url))
        assert methods_of(upstream.requests) == ["server/discover", "initialize", "notifications/initialized"]
    assert (found.era, found.protocol_version, found.server_name) == ("legacy", "2025-11-25", "old")


async def test_a_server_that_never_answers_the_probe_may_still_answer_the_greeting() -> None:
    async def deaf_to_discovery(peer: Any) -> None:
        request = await peer.request()
        message = json.loads(request.body)
        if message["method"] == "server/discover":
            await peer.hang()
        status, headers, body = {"initialize": initialized()}.get(message["method"], accept)(request, message)
        head = b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Length: %d\r\n%b\r\n\r\n" % (status, len(body), headers)
        await peer.send(head + body)

    async with FakeUpstream(deaf_to_discovery) as upstream:
        assert (await detect(at(upstream.url, timeout_s=0.3))).era == "legacy"


async def test_the_session_of_the_detection_serves_the_first_call() -> None:
    methods = {"tools/call": lambda request, message: result(message, {})}
    async with FakeUpstream(legacy(methods)) as upstream:
        await detect(at(upstream.url))
        await call(at(upstream.url), "tools/call", b"{}")
        assert methods_of(upstream.requests).count("initialize") == 1
        assert methods_of(upstream.requests).count("server/discover") == 1


async def test_detecting_again_opens_a_fresh_session() -> None:
    async with FakeUpstream(legacy()) as upstream:
        await detect(at(upstream.url))
        await detect(at(upstream.url))
        assert methods_of(upstream.requests).count("initialize") == 2


HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"
FAILURES: dict[str, tuple[Script, str, str]] = {
    "a web page": (says(HTML), "not_mcp", "text/html"),
    "a plain answer": (polite, "not_mcp", "no content type"),
    "404 everywhere": (
        server({}, lambda r, m: plain(b"404 Not Found", b"nothing\x1b[31m here")),
        "not_mcp",
        "HTTP 404",
    ),
    "405 everywhere": (server({}, lambda r, m: plain(b"405 Method Not Allowed")), "not_mcp", "HTTP 405"),
    "401": (server({}, lambda r, m: plain(b"401 Unauthorized", b"token expired")), "auth", "token expired"),
    "403": (server({}, lambda r, m: error(m, 1, "not for you", b"403 Forbidden")), "auth", "not for you"),
    "a redirect": (server({}, lambda r, m: plain(b"308 Permanent Redirect")), "protocol", "redirect"),
    "no HTTP": (says(b"220 mail.example ESMTP\r\n\r\n"), "protocol", "protocol"),
    "silence": (mute, "timeout", "time"),
    "a version of the future": (
        legacy({"initialize": initialized("2031-01-01")}),
        "protocol",
        "speaks protocol version 2031-01-01",
    ),
    "only versions of the future": (
        server(
            {
                "server/discover": lambda r, m: error(
                    m, -32022, "no", b"400 Bad Request", data={"supported": ["2031-01-01"], "requested": "2026-07-28"}
                )
            }
        ),
        "protocol",
        "only protocol versions 2031-01-01",
    ),
    "a refusal to initialize": (
        legacy({"initialize": lambda r, m: error(m, -32603, "out of\norder")}),
        "protocol",
        "refused to initialize: out of order",
    ),
    "an initialize without a version": (legacy({"initialize": lambda r, m: result(m, {})}), "protocol", "initialize"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_why_it_is_no_upstream_is_said_in_a_sentence(name: str) -> None:
    script, kind, words = FAILURES[name]
    async with FakeUpstream(script) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await detect(at(upstream.url, timeout_s=0.4))
    message = caught.value.message
    assert caught.value.kind == kind
    assert words in message
    assert message.endswith(".") or ":" in message
    assert message.isprintable()
    assert len(message) < 400
    assert (stats()["connections"]["in_use"], stats()["in_flight"]) == (0, 0)


async def test_a_closed_port_is_told_without_its_number() -> None:
    port = closed_port()
    with pytest.raises(UpstreamError) as caught:
        await detect(at(f"http://127.0.0.1:{port}/"))
    assert caught.value.kind == "transport"
    assert str(port) not in caught.value.message


async def test_a_busy_server_is_neither_modern_nor_old_yet() -> None:
    async with FakeUpstream(
        server({}, lambda r, m: plain(b"503 Service Unavailable", b"", b"Retry-After: 9"))
    ) as upstream:
        with pytest.raises(UpstreamBusy):
            await detect(at(upstream.url))
        assert len(upstream.requests) == 1


async def test_a_credential_the_server_echoes_is_masked() -> None:
    def echoes(request: Any, message: dict[str, Any]) -> Reply:
        return plain(b"401 Unauthorized", f"bad header {request.header('authorization')}".encode())

    async with FakeUpstream(server({}, echoes)) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await detect(at(upstream.url, headers=(("Authorization", "Bearer s3cr3t-t0ken"),)))
    assert "s3cr3t" not in caught.value.message
    assert "***" in caught.value.message


async def test_an_error_status_never_carries_the_upstreams_words_into_a_call() -> None:
    """The person who registers may read them; whoever merely calls a tool may not."""
    async with FakeUpstream(server({}, lambda r, m: plain(b"500 Oops", b"db password is hunter2"))) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await call(at(upstream.url, era="modern"), "tools/call", b"{}")
    assert "hunter2" not in caught.value.message


async def test_what_a_server_says_about_itself_is_cleaned_and_bounded() -> None:
    loud = initialized(
        serverInfo={"name": "n\x1b[31m\n" * 100, "version": "1\u202e2"},
        instructions="line one\nline\x07 two" + "x" * 20_000,
    )
    async with FakeUpstream(legacy({"initialize": loud})) as upstream:
        found = await detect(at(upstream.url))
    assert found.server_name.isprintable()
    assert len(found.server_name) <= 128
    assert found.server_version == "1 2"
    assert found.instructions.startswith("line one\nline two")
    assert len(found.instructions) <= 8192
