"""Calls in both eras against a scripted server: headers, sessions, streams, limits and what a bad answer becomes."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from proxy_app.upstream.client import stats
from proxy_app.upstream.errors import (
    UpstreamAuth,
    UpstreamBusy,
    UpstreamCut,
    UpstreamError,
    UpstreamNotMcp,
    UpstreamProtocol,
    UpstreamRedirect,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamTooLarge,
)
from proxy_app.upstream.mcp import Answer, AnswerStream, Endpoint, call, complete, list_all
from proxy_app.upstream.mcp.sessions import sessions
from tests.upstream.fakes import FakeUpstream, Peer, Request, Script, polite, until
from tests.upstream.mcp.fake_mcp import (
    Reply,
    accept,
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

PARAMS = b'{"name":"echo","arguments":{"text":"hi"}}'


def modern_end(upstream: FakeUpstream, **options: Any) -> Endpoint:
    return Endpoint(key="gw:cred", url=upstream.url + "mcp", era="modern", **options)


def legacy_end(upstream: FakeUpstream, **options: Any) -> Endpoint:
    return Endpoint(key="gw:cred", url=upstream.url + "mcp", era="legacy", **options)


def always(reply: Callable[[dict[str, Any]], Reply]) -> Script:
    return server({}, otherwise=lambda request, message: reply(message))


# --- Modern -----------------------------------------------------------------------------------------------------------


async def test_a_modern_call_has_every_header_and_meta_key_it_must_have() -> None:
    async with FakeUpstream(always(lambda message: result(message, {"ok": True}))) as upstream:
        endpoint = modern_end(
            upstream, headers=(("Authorization", "Bearer t"), ("Mcp-Method", "evil"), ("Accept", "x"))
        )
        params = b'{"name":"gr\xc3\xbcn","arguments":{},"_meta":{"progressToken":1}}'
        answer = await call(
            endpoint,
            "tools/call",
            params,
            name="grün",
            param_headers={"Region": "us-west1", "Bad Name": "x"},
            capabilities=b'{"elicitation":{}}',
        )
        request = upstream.requests[0]
    assert answer == Answer(result=b'{"ok": true}')
    assert request.line == "POST /mcp HTTP/1.1"
    headers = {name.lower(): value for name, value in request.headers}
    assert headers == {
        "host": f"127.0.0.1:{upstream.port}",
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": headers["user-agent"],
        "authorization": "Bearer t",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "=?base64?Z3LDvG4=?=",
        "mcp-param-region": "us-west1",
        "content-length": headers["content-length"],
    }
    meta = json.loads(request.body)["params"]["_meta"]
    assert meta["progressToken"] == 1
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {"elicitation": {}}


async def test_the_result_keeps_its_bytes() -> None:
    odd = b'{"jsonrpc":"2.0","id":%d,"result":{ "n":12345678901234567890, "f":1.50,"u":"\\u00e9" }}'

    def reply(message: dict[str, Any]) -> Reply:
        return b"200 OK", b"Content-Type: application/json; charset=utf-8", odd % message["id"]

    async with FakeUpstream(always(reply)) as upstream:
        answer = await call(modern_end(upstream), "tools/call", PARAMS)
    assert answer == Answer(result=b'{ "n":12345678901234567890, "f":1.50,"u":"\\u00e9" }')


async def test_an_error_object_is_an_answer_whatever_the_status() -> None:
    for status in (b"200 OK", b"400 Bad Request", b"404 Not Found", b"500 Internal Server Error"):
        async with FakeUpstream(
            always(lambda message: error(message, -32602, "No such tool", status))  # noqa: B023  used in this turn
        ) as upstream:
            answer = await call(modern_end(upstream), "tools/call", PARAMS)
        assert isinstance(answer, Answer)
        assert json.loads(answer.error or b"") == {"code": -32602, "message": "No such tool"}
        assert answer.result is None


BAD_ANSWERS: dict[str, tuple[Callable[[dict[str, Any]], Reply], type[UpstreamError]]] = {
    "HTML with 200": (lambda m: (b"200 OK", b"Content-Type: text/html", b"<h1>Hi</h1>"), UpstreamNotMcp),
    "no content type": (lambda m: (b"200 OK", b"X: 1", b"{}"), UpstreamNotMcp),
    "JSON that is no JSON-RPC": (lambda m: (b"200 OK", b"Content-Type: application/json", b"[1]"), UpstreamProtocol),
    "cut JSON": (lambda m: (b"200 OK", b"Content-Type: application/json", b'{"id":1,"res'), UpstreamProtocol),
    "another id": (lambda m: result({"id": m["id"] + 1}, {}), UpstreamProtocol),
    "the id as text": (lambda m: result({"id": str(m["id"])}, {}), UpstreamProtocol),
    "no id": (lambda m: result({"id": None}, {}), UpstreamProtocol),
    "a request of its own": (
        lambda m: (b"200 OK", b"Content-Type: application/json", b'{"id":1,"method":"ping"}'),
        UpstreamProtocol,
    ),
    "a redirect": (lambda m: plain(b"302 Found", b"", b"Location: http://169.254.169.254/"), UpstreamRedirect),
    "401": (lambda m: plain(b"401 Unauthorized", b"", b"WWW-Authenticate: Bearer"), UpstreamAuth),
    "403 with an error object": (lambda m: error(m, -32000, "no", b"403 Forbidden"), UpstreamAuth),
    "404 without an error object": (lambda m: plain(b"404 Not Found", b"nothing here"), UpstreamStatus),
    "500": (lambda m: plain(b"500 Internal Server Error", b"secret stack"), UpstreamStatus),
    "429": (lambda m: plain(b"429 Too Many Requests", b"", b"Retry-After: 17"), UpstreamBusy),
    "503": (lambda m: plain(b"503 Service Unavailable"), UpstreamBusy),
    "an answer too large": (lambda m: result(m, "x" * 2_000_000), UpstreamTooLarge),
    "a stream without the response": (lambda m: events({"method": "notifications/message"}), UpstreamCut),
    "an empty stream": (lambda m: events(), UpstreamCut),
    "a stream with another id": (lambda m: events({"id": "x", "result": {}}), UpstreamProtocol),
    "a stream of no messages": (lambda m: events("hello"), UpstreamProtocol),
    "an event too large": (lambda m: events({"id": m["id"], "result": "x" * 2_000_000}), UpstreamTooLarge),
    "bytes that are not UTF-8": (
        lambda m: (b"200 OK", b"Content-Type: text/event-stream", b'data: {"id":1,"result":"\xff"}\n\n'),
        UpstreamProtocol,
    ),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_bad_answer_has_its_own_error_and_costs_no_connection(name: str) -> None:
    reply, expected = BAD_ANSWERS[name]
    async with FakeUpstream(always(reply)) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await complete(await call(modern_end(upstream), "tools/call", PARAMS))
    assert type(caught.value) is expected
    assert "secret" not in caught.value.message
    assert (stats()["connections"]["in_use"], stats()["in_flight"]) == (0, 0)


async def test_a_busy_upstreams_wish_for_patience_is_passed_on() -> None:
    async with FakeUpstream(always(BAD_ANSWERS["429"][0])) as upstream:
        with pytest.raises(UpstreamBusy) as caught:
            await call(modern_end(upstream), "tools/call", PARAMS)
    assert (caught.value.status, caught.value.retry_after_s) == (503, 17)


async def test_a_stream_that_begins_with_the_response_is_given_as_an_answer() -> None:
    async with FakeUpstream(
        always(lambda m: events({"jsonrpc": "2.0", "id": m["id"], "result": {"a": 1}}))
    ) as upstream:
        assert await call(modern_end(upstream), "tools/call", PARAMS) == Answer(result=b'{"a": 1}')
        await until(lambda: stats()["in_flight"] == 0)


def progress_then_result(message: dict[str, Any]) -> Reply:
    note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
    return events(note, note, {"jsonrpc": "2.0", "id": message["id"], "result": {"a": 1}}, note)


async def test_a_stream_gives_every_message_and_ends_with_the_response() -> None:
    async with FakeUpstream(always(progress_then_result)) as upstream:
        for _ in range(3):
            stream = await call(modern_end(upstream), "tools/call", PARAMS)
            assert isinstance(stream, AnswerStream)
            messages = [message async for message in stream]
            assert [message.method for message in messages] == ["notifications/progress"] * 2 + [None]
            assert json.loads(messages[0].raw)["params"] == {"progressToken": 1, "progress": 1}
            assert messages[-1].result == b'{"a": 1}'
        assert upstream.connections == 1
    assert (stats()["connections"]["in_use"], stats()["in_flight"]) == (0, 0)


async def test_a_caller_who_wants_only_the_answer_gets_it_from_a_stream() -> None:
    async with FakeUpstream(always(progress_then_result)) as upstream:
        assert await complete(await call(modern_end(upstream), "tools/call", PARAMS)) == Answer(result=b'{"a": 1}')


async def one_note_then_silence(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    event = b'data: {"method":"notifications/progress","params":{}}\n\n'
    await peer.send(b"%x\r\n%b\r\n" % (len(event), event))
    await peer.hang()


async def test_leaving_a_modern_stream_closes_its_connection_at_once() -> None:
    """Closing is how a modern call is cancelled."""
    async with FakeUpstream(one_note_then_silence) as upstream:
        stream = await call(modern_end(upstream), "tools/call", PARAMS)
        assert isinstance(stream, AnswerStream)
        async with stream:
            await anext(stream)
            assert upstream.open_now == 1
        await until(lambda: upstream.open_now == 0, within_s=0.5)
        assert (stats()["connections"]["in_use"], stats()["in_flight"]) == (0, 0)
        assert [message async for message in stream] == []


async def test_a_task_cancelled_while_it_waits_for_a_message_closes_the_connection() -> None:
    async with FakeUpstream(one_note_then_silence) as upstream:
        stream = await call(modern_end(upstream), "tools/call", PARAMS)
        task = asyncio.create_task(complete(stream))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: upstream.open_now == 0, within_s=0.5)
    assert (stats()["connections"]["in_use"], stats()["in_flight"]) == (0, 0)


async def test_a_stream_that_falls_silent_times_out() -> None:
    async with FakeUpstream(one_note_then_silence) as upstream:
        with pytest.raises(UpstreamTimeout):
            await complete(await call(modern_end(upstream, timeout_s=0.2), "tools/call", PARAMS))


async def test_an_answer_that_trickles_in_has_an_end() -> None:
    """Each byte comes within the read time-out; all of them together do not come within the call's."""

    async def trickle(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await peer.send(b" ")
            await asyncio.sleep(0.05)

    async with FakeUpstream(trickle) as upstream:
        with pytest.raises(UpstreamTimeout):
            await call(modern_end(upstream, timeout_s=0.3), "tools/call", PARAMS)
        await until(lambda: upstream.open_now == 0)
    assert (stats()["connections"]["in_use"], stats()["in_flight"]) == (0, 0)


async def test_sixty_four_calls_at_once_each_get_their_own_answer() -> None:
    def echo(message: dict[str, Any]) -> Reply:
        return result(message, message["params"]["arguments"])

    async with FakeUpstream(always(echo)) as upstream:
        params = [b'{"name":"echo","arguments":{"n":%d}}' % number for number in range(500)]
        answers = await asyncio.gather(*(call(modern_end(upstream), "tools/call", one) for one in params))
    assert answers == [Answer(result=b'{"n": %d}' % number) for number in range(500)]


# --- Legacy -----------------------------------------------------------------------------------------------------------


def ok(request: Request, message: dict[str, Any]) -> Reply:
    return result(message, {"content": []})


async def test_one_session_serves_all_calls_of_an_endpoint_also_when_they_begin_together() -> None:
    async with FakeUpstream(legacy({"tools/call": ok})) as upstream:
        endpoint = legacy_end(upstream)
        await asyncio.gather(*(call(endpoint, "tools/call", PARAMS) for _ in range(500)))
        await call(endpoint, "tools/call", PARAMS)
        seen = Counter(methods_of(upstream.requests))
        assert seen == {"initialize": 1, "notifications/initialized": 1, "tools/call": 501}
        assert methods_of(upstream.requests)[:2] == ["initialize", "notifications/initialized"]
        request = upstream.requests[-1]
    assert request.header("mcp-session-id") == "s-1"
    assert request.header("mcp-protocol-version") == "2025-11-25"
    assert request.header("mcp-method") is None
    assert json.loads(upstream.requests[0].body)["params"]["protocolVersion"] == "2025-11-25"
    assert upstream.requests[0].header("mcp-protocol-version") is None


async def test_five_hundred_who_come_to_an_unknown_server_find_out_once_what_it_is() -> None:
    async with FakeUpstream(legacy({"tools/call": ok})) as upstream:
        endpoint = Endpoint(key="gw:cred", url=upstream.url + "mcp")
        first = asyncio.create_task(call(endpoint, "tools/call", PARAMS))
        await asyncio.sleep(0)
        others = [asyncio.create_task(call(endpoint, "tools/call", PARAMS)) for _ in range(500)]
        await asyncio.sleep(0)
        first.cancel()  # the others still want to know
        await asyncio.gather(*others)
        seen = Counter(methods_of(upstream.requests))
        assert (seen["server/discover"], seen["initialize"], seen["tools/call"]) == (1, 1, 500)


async def test_another_credential_has_another_session() -> None:
    async with FakeUpstream(legacy({"tools/call": ok})) as upstream:
        for key in ("gw:alice", "gw:bob", "gw:alice"):
            await call(Endpoint(key=key, url=upstream.url, era="legacy"), "tools/call", PARAMS)
        assert methods_of(upstream.requests).count("initialize") == 2


async def test_the_negotiated_version_is_used_afterwards() -> None:
    async with FakeUpstream(legacy({"initialize": initialized("2025-03-26"), "tools/call": ok})) as upstream:
        await call(legacy_end(upstream), "tools/call", PARAMS)
        assert upstream.requests[-1].header("mcp-protocol-version") == "2025-03-26"


async def test_a_server_without_sessions_is_called_without_one() -> None:
    async with FakeUpstream(legacy({"initialize": initialized(session=None), "tools/call": ok})) as upstream:
        await call(legacy_end(upstream), "tools/call", PARAMS)
        assert upstream.requests[-1].header("mcp-session-id") is None


@pytest.mark.parametrize(
    "refusal",
    [
        lambda message: error(message, -32001, "Session not found", b"404 Not Found"),
        lambda message: plain(b"404 Not Found"),
        lambda message: error(message, -32000, "Bad Request: No valid session ID provided", b"400 Bad Request"),
    ],
    ids=["404 with an error object", "404 without", "400 that names the session"],
)
async def test_a_forgotten_session_is_opened_again_and_the_call_repeated_once(
    refusal: Callable[[dict[str, Any]], Reply],
) -> None:
    count = 0

    def forgets_the_first(request: Request, message: dict[str, Any]) -> Reply:
        return result(message, {"session": 2}) if request.header("mcp-session-id") == "s-2" else refusal(message)

    def numbered(request: Request, message: dict[str, Any]) -> Reply:
        nonlocal count
        count += 1
        return initialized(session=b"s-%d" % count)(request, message)

    async with FakeUpstream(legacy({"initialize": numbered, "tools/call": forgets_the_first})) as upstream:
        answers = await asyncio.gather(*(call(legacy_end(upstream), "tools/call", PARAMS) for _ in range(20)))
        assert answers == [Answer(result=b'{"session": 2}')] * 20
        assert methods_of(upstream.requests).count("initialize") == 2


async def test_a_session_that_is_forgotten_at_once_every_time_is_given_up() -> None:
    methods = {"tools/call": lambda request, message: plain(b"404 Not Found")}
    async with FakeUpstream(legacy(methods)) as upstream:
        with pytest.raises(UpstreamProtocol):
            await call(legacy_end(upstream), "tools/call", PARAMS)
        assert methods_of(upstream.requests).count("tools/call") == 2


async def test_a_handshake_whose_first_caller_left_still_serves_the_others() -> None:
    gate = asyncio.Event()

    async def slow_handshake(peer: Peer) -> None:
        while True:
            request = await peer.request()
            message = json.loads(request.body)
            if message["method"] == "initialize":
                await gate.wait()
            reply = {"initialize": initialized(), "notifications/initialized": accept}.get(message["method"], ok)
            status, headers, body = reply(request, message)
            await peer.send(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n\r\n%b" % (status, len(body), headers, body))

    async with FakeUpstream(slow_handshake) as upstream:
        first, second = (asyncio.create_task(call(legacy_end(upstream), "tools/call", PARAMS)) for _ in range(2))
        await until(lambda: len(upstream.requests) == 1)
        first.cancel()
        await asyncio.sleep(0)
        gate.set()
        assert isinstance(await second, Answer)
        assert methods_of(upstream.requests).count("initialize") == 1


async def test_a_handshake_that_failed_is_tried_again_by_the_next_call() -> None:
    working = False

    def sometimes(request: Request, message: dict[str, Any]) -> Reply:
        return initialized()(request, message) if working else plain(b"500 Internal Server Error")

    async with FakeUpstream(legacy({"initialize": sometimes, "tools/call": ok})) as upstream:
        with pytest.raises(UpstreamStatus):
            await call(legacy_end(upstream), "tools/call", PARAMS)
        working = True
        assert isinstance(await call(legacy_end(upstream), "tools/call", PARAMS), Answer)


async def test_leaving_a_legacy_call_says_so_to_its_server() -> None:
    """In the older era a closed connection does not end the call."""

    async def silent_call(peer: Peer) -> None:
        methods = {"initialize": initialized(), "notifications/initialized": accept, "notifications/cancelled": accept}
        while True:
            request = await peer.request()
            message = json.loads(request.body)
            if message["method"] == "tools/call":
                await peer.hang()
                return
            status, headers, body = methods[message["method"]](request, message)
            await peer.send(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n\r\n%b" % (status, len(body), headers, body))

    async with FakeUpstream(silent_call) as upstream:
        endpoint = legacy_end(upstream, timeout_s=0.3)
        task = asyncio.create_task(call(endpoint, "tools/call", PARAMS))
        await until(lambda: "tools/call" in methods_of(upstream.requests))
        asked = json.loads(upstream.requests[-1].body)["id"]
        task.cancel()
        await until(lambda: methods_of(upstream.requests)[-1] == "notifications/cancelled")
        assert json.loads(upstream.requests[-1].body)["params"] == {"requestId": asked}
        with pytest.raises(UpstreamTimeout):
            await call(endpoint, "tools/call", PARAMS)
        await until(lambda: methods_of(upstream.requests).count("notifications/cancelled") == 2)
    assert stats()["connections"]["in_use"] == 0


async def test_a_stream_closed_on_purpose_is_taken_up_where_it_ended() -> None:
    asked: list[int] = []

    def in_parts(request: Request, message: dict[str, Any]) -> Reply:
        asked.append(message["id"])
        return b"200 OK", b"Content-Type: text/event-stream", b"id: e-1\nretry: 10\ndata:\n\n"

    def the_rest(request: Request, message: dict[str, Any]) -> Reply:
        assert request.header("last-event-id") == "e-1"
        return events({"jsonrpc": "2.0", "id": asked[0], "result": {"late": True}})

    async with FakeUpstream(legacy({"tools/call": in_parts, "GET": the_rest})) as upstream:
        assert await call(legacy_end(upstream), "tools/call", PARAMS) == Answer(result=b'{"late": true}')
    assert stats()["connections"]["in_use"] == 0


PRIMER = (b"200 OK", b"Content-Type: text/event-stream", b"id: e-1\nretry: 1\ndata:\n\n")


@pytest.mark.parametrize(
    ("continuation", "tries"),
    [(plain(b"405 Method Not Allowed"), 1), (events(), 6), (PRIMER, 6)],
    ids=["refused", "empty", "the same event again"],
)
async def test_a_stream_that_goes_nowhere_is_cut(continuation: Reply, tries: int) -> None:
    methods = {"tools/call": lambda request, message: PRIMER, "GET": lambda request, message: continuation}
    async with FakeUpstream(legacy(methods)) as upstream:
        with pytest.raises(UpstreamCut):
            await call(legacy_end(upstream), "tools/call", PARAMS)
        assert methods_of(upstream.requests).count("GET") == tries


async def test_sessions_are_ended_at_shutdown_and_a_deaf_server_is_not_waited_for() -> None:
    async with FakeUpstream(legacy({"tools/call": ok})) as upstream, FakeUpstream(legacy({"tools/call": ok})) as gone:
        await call(legacy_end(upstream), "tools/call", PARAMS)
        await call(Endpoint(key="other", url=gone.url, era="legacy"), "tools/call", PARAMS)
        gone.script = polite
        await gone.__aexit__()
        await sessions.close()
        assert upstream.requests[-1].line.startswith("DELETE ")
        assert upstream.requests[-1].header("mcp-session-id") == "s-1"
        assert len(sessions) == 0


@pytest.mark.parametrize("session_id", [b"with space", b"\xe4", b"x" * 1025])
async def test_a_session_id_no_header_may_carry_is_a_protocol_error(session_id: bytes) -> None:
    async with FakeUpstream(legacy({"initialize": initialized(session=session_id)})) as upstream:
        with pytest.raises(UpstreamProtocol):
            await call(legacy_end(upstream), "tools/call", PARAMS)


# --- Lists ------------------------------------------------------------------------------------------------------------


def pages(*cursors: str | None) -> Script:
    """A tool per page; page n answers with the n-th cursor."""
    number = 0

    def page(request: Request, message: dict[str, Any]) -> Reply:
        nonlocal number
        cursor = cursors[number] if number < len(cursors) else f"c{number}"
        number += 1
        listed = {"tools": [{"name": f"t{number}", "inputSchema": {"$defs": {"a": {}}}}], "ttlMs": 0}
        return result(message, listed if cursor is None else listed | {"nextCursor": cursor})

    return server({"tools/list": page})


async def test_a_list_is_read_page_after_page() -> None:
    async with FakeUpstream(pages("a", "b", None)) as upstream:
        tools = await list_all(modern_end(upstream), "tools/list")
        cursors = [json.loads(request.body)["params"].get("cursor") for request in upstream.requests]
    assert [tool["name"] for tool in tools] == ["t1", "t2", "t3"]
    assert tools[0]["inputSchema"] == {"$defs": {"a": {}}}
    assert cursors == [None, "a", "b"]


async def test_an_empty_cursor_is_the_end() -> None:
    async with FakeUpstream(pages("")) as upstream:
        assert len(await list_all(modern_end(upstream), "tools/list")) == 1


async def test_a_server_without_a_list_has_none_of_it() -> None:
    async with FakeUpstream(server({})) as upstream:
        assert await list_all(modern_end(upstream), "prompts/list") == []


@pytest.mark.parametrize(
    "script",
    [
        pages("a", "b", "a"),
        pages(),
        server({"tools/list": lambda r, m: result(m, {"tools": [{"name": "t"}] * 10_001})}),
        server({"tools/list": lambda r, m: result(m, {"tools": "all of them"})}),
        server({"tools/list": lambda r, m: result(m, {"tools": ["t"]})}),
        server({"tools/list": lambda r, m: result(m, {})}),
        server({"tools/list": lambda r, m: result(m, [])}),
        server({"tools/list": lambda r, m: result(m, {"tools": [], "nextCursor": 7})}),
        server({"tools/list": lambda r, m: error(m, -32603, "internal")}),
    ],
    ids=[
        "a circle",
        "no end",
        "too many items",
        "text for a list",
        "text for an item",
        "no list",
        "a list for a result",
        "a number for a cursor",
        "an error",
    ],
)
async def test_a_list_that_lies_is_a_protocol_error_never_a_part_of_it(script: Script) -> None:
    async with FakeUpstream(script) as upstream:
        with pytest.raises(UpstreamProtocol):
            await list_all(modern_end(upstream), "tools/list")
        assert len(upstream.requests) <= 100
