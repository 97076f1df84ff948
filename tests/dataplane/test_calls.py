"""tools/call: what reaches the upstream, what comes back, and who may call what."""

import json
from typing import Any
from uuid import uuid4

import pytest

from proxy_app.observe.records import CallRecord
from tests.dataplane.calling import an_echo_at, called, either_upstream, every_era, every_pair
from tests.dataplane.rpc import VERSION, call, error_of, post
from tests.dataplane.world import World
from tests.scripted_mcp import RESULT, Call, ScriptedMcp, done

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


# --- Both eras on both sides ------------------------------------------------------------------------------------------


@every_pair
async def test_a_json_answer_reaches_the_client(world: World, era: str, upstream_era: str) -> None:
    answer, upstream = await called(world, done, era=era, upstream_era=upstream_era, id="call-1")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    extra = {"resultType": "complete"} if era == "modern" else {}
    assert answer.json == {"jsonrpc": "2.0", "id": "call-1", "result": extra | RESULT}
    (sent,) = upstream.asked("tools/call")
    assert (sent.message["params"]["name"], sent.message["params"]["arguments"]) == ("echo", {"text": "hi"})


@every_pair
async def test_a_stream_is_relayed_message_by_message(world: World, era: str, upstream_era: str) -> None:
    async def report_progress(call: Call) -> None:
        await call.stream()
        for step in range(3):
            await call.notify("notifications/progress", progressToken="p", progress=step)
        await call.stream_result(json.dumps(RESULT).encode())
        await call.end_stream()

    params = {"_meta": {"progressToken": "p"}}
    answer, upstream = await called(world, report_progress, era=era, upstream_era=upstream_era, id=0, params=params)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    *progress, last = answer.events
    assert [event["params"]["progress"] for event in progress] == [0, 1, 2]
    extra = {"resultType": "complete"} if era == "modern" else {}
    assert last == {"jsonrpc": "2.0", "id": 0, "result": extra | RESULT}
    assert upstream.asked("tools/call")[0].message["params"]["_meta"]["progressToken"] == "p"


@every_pair
async def test_a_stream_of_nothing_but_the_answer_is_answered_as_json(
    world: World, era: str, upstream_era: str
) -> None:
    async def stream_it(call: Call) -> None:
        await call.stream()
        await call.stream_result(json.dumps(RESULT).encode())
        await call.end_stream()

    answer, _ = await called(world, stream_it, era=era, upstream_era=upstream_era)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["result"]["content"] == RESULT["content"]


@every_era
async def test_the_other_endpoint_waits_for_a_stream_and_answers_once(world: World, era: str) -> None:
    async def report_progress(call: Call) -> None:
        await call.stream()
        await call.notify("notifications/progress", progressToken=1, progress=1)
        await call.stream_result(json.dumps(RESULT).encode())
        await call.end_stream()

    answer, _ = await called(world, report_progress, era=era, path="/rpc")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["result"]["content"] == RESULT["content"]


@pytest.mark.parametrize(("era", "level", "relayed"), [("legacy", None, 1), ("modern", None, 0), ("modern", "info", 1)])
async def test_log_messages_reach_a_modern_client_only_when_it_asked_for_them(
    world: World, era: str, level: str | None, relayed: int
) -> None:
    async def chatter(call: Call) -> None:
        await call.stream()
        await call.notify("notifications/progress", progressToken=1, progress=1)
        await call.notify("notifications/message", level="info", data="x")
        await call.stream_result(json.dumps(RESULT).encode())
        await call.end_stream()

    params = {"_meta": {"io.modelcontextprotocol/logLevel": level}} if level else {}
    answer, _ = await called(world, chatter, era=era, upstream_era="legacy", params=params)
    assert len([event for event in answer.events if event.get("method") == "notifications/message"]) == relayed
    assert answer.events[-1]["result"]["content"] == RESULT["content"]


# --- To the byte ------------------------------------------------------------------------------------------------------

ODD = (
    b'{"z":1.0,"a":1e3,"n":123456789012345678901234567890,"f":-0.0,"u":"\\u00e9 \xc3\xa9 \\ud83d\\ude00",'
    b'"e":{},"content":[{"type":"text","text":"\\/ \\" {}[]"}],  "structuredContent":{"b":1,"a":[ ]},"x":null}'
)


@every_pair
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_result_reaches_the_client_to_the_byte(
    world: World, era: str, upstream_era: str, streamed: bool
) -> None:
    async def odd(call: Call) -> None:
        if streamed:
            await call.stream()
            await call.notify("notifications/progress", progressToken=1, progress=1)
            await call.stream_result(ODD)
            await call.end_stream()
        else:
            await call.reply(b'"result":' + ODD)

    answer, _ = await called(world, odd, era=era, upstream_era=upstream_era)
    text = answer.event_texts[-1].encode() if streamed else answer.body
    extra = b'"resultType":"complete",' if era == "modern" else b""
    assert text == b'{"jsonrpc":"2.0","id":1,"result":{' + extra + ODD[1:] + b"}"


async def test_a_message_with_line_breaks_stays_one_event(world: World) -> None:
    async def pretty(call: Call) -> None:
        await call.stream()
        await call.event(
            json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}, indent=2).encode()
        )
        await call.stream_result(json.dumps(RESULT, indent=2).encode())
        await call.end_stream()

    answer, _ = await called(world, pretty)
    assert [event.get("method") for event in answer.events] == ["notifications/progress", None]
    assert answer.events[-1]["result"] == RESULT


@either_upstream
async def test_arguments_reach_the_upstream_to_the_byte(world: World, upstream_era: str) -> None:
    arguments = (
        b'{"z":1.0,"a":123456789012345678901234567890,"s":"\\u00e9 \xc3\xa9 \\ud83d\\ude00","d":{"b":[ ],"a":1e3}}'
    )
    async with ScriptedMcp(done) as upstream:
        token = an_echo_at(world, upstream.url, upstream_era)
        params = b'{"name":"gw0-echo","arguments":' + arguments + b"}"
        await post(token, b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + params + b"}")
    (sent,) = upstream.asked("tools/call")
    assert b'"arguments":' + arguments in sent.body


@pytest.mark.parametrize("result", [b"{}", b" { } ", b'{\n"content": []}', b'{"isError":null}', b'{"resultType":null}'])
async def test_results_of_every_shape_get_their_modern_member_once(world: World, result: bytes) -> None:
    async def answer_it(call: Call) -> None:
        await call.reply(b'"result":' + result)

    answer, _ = await called(world, answer_it, era="modern", upstream_era="legacy")
    pairs = json.loads(answer.body, object_pairs_hook=list)
    members = dict(pairs)["result"]
    assert members[0] == ["resultType", "complete"] or members[0] == ("resultType", "complete")


# --- Credentials ------------------------------------------------------------------------------------------------------


@every_pair
async def test_the_upstream_sees_the_gateways_credential_and_never_the_callers(
    world: World, era: str, upstream_era: str
) -> None:
    gateway = {"headers": {"Authorization": "Bearer upstream-secret", "X-Team": "red"}}
    extra = {"x-api-key": "other", "cookie": "sessionid=abc", "x-forwarded-for": "1.2.3.4", "x-team": "blue"}
    _, upstream = await called(world, done, era=era, upstream_era=upstream_era, gateway=gateway, headers=extra)
    callers_token = next(iter(world.tokens.values())).actor.user_id.hex
    for seen in upstream.calls:
        assert (seen.headers["authorization"], seen.headers["x-team"]) == ("Bearer upstream-secret", "red")
        assert "cookie" not in seen.headers
        assert "x-api-key" not in seen.headers
        whole = json.dumps(seen.headers).encode() + seen.body
        assert callers_token.encode() not in whole
        assert b"1.2.3.4" not in whole


async def test_a_gateway_without_a_credential_gets_none(world: World) -> None:
    _, upstream = await called(world, done)
    assert all("authorization" not in seen.headers for seen in upstream.calls)


async def test_a_credential_that_cannot_be_read_any_more_is_said_so(world: World) -> None:
    answer, upstream = await called(world, done, gateway={"sealed_headers": "sealed-with-another-key"})
    assert error_of(answer)["data"] == {"code": "upstream_unreachable"}
    assert upstream.calls == []


# --- What a modern upstream must be sent ------------------------------------------------------------------------------


@every_era
async def test_a_modern_upstream_gets_headers_for_its_own_names(world: World, era: str) -> None:
    params = {"_meta": {"traceparent": "00-1-2-01", "io.modelcontextprotocol/clientInfo": {"name": "spy"}}}
    _, upstream = await called(world, done, era=era, params=params)
    (sent,) = upstream.calls
    assert (sent.headers["mcp-method"], sent.headers["mcp-name"]) == ("tools/call", "echo")
    meta = sent.message["params"]["_meta"]
    assert (sent.headers["mcp-protocol-version"], meta[VERSION]) == ("2026-07-28", "2026-07-28")
    assert (meta["traceparent"], meta["io.modelcontextprotocol/clientInfo"]["name"]) == ("00-1-2-01", "poolgate")


async def test_a_legacy_upstream_gets_nothing_of_the_modern_era(world: World) -> None:
    params = {"_meta": {"traceparent": "00-1-2-01"}}
    _, upstream = await called(world, done, era="modern", upstream_era="legacy", params=params)
    (sent,) = upstream.asked("tools/call")
    assert sent.message["params"]["_meta"] == {"traceparent": "00-1-2-01"}
    assert sent.headers["mcp-session-id"] == "scripted-session"
    assert "mcp-method" not in sent.headers


MARKED = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "size": {"type": "integer", "x-mcp-header": "Size"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
        "place": {"type": "object", "properties": {"city": {"type": "string", "x-mcp-header": "City"}}},
        "absent": {"type": "string", "x-mcp-header": "Absent"},
        "plain": {"type": "string"},
    },
}
ARGUMENTS = {"region": "us-west1", "size": 42, "dry": True, "place": {"city": "Zürich"}, "plain": "x"}
HEADERS = {
    "mcp-param-region": "us-west1",
    "mcp-param-size": "42",
    "mcp-param-dry-run": "true",
    "mcp-param-city": "=?base64?WsO8cmljaA==?=",
}


@pytest.mark.parametrize(("era", "headers"), [("legacy", {}), ("modern", HEADERS)])
async def test_arguments_marked_for_headers_are_repeated_there(world: World, era: str, headers: dict[str, str]) -> None:
    answer, upstream = await called(
        world,
        done,
        era=era,
        tool={"input_schema": json.dumps(MARKED)},
        params={"arguments": ARGUMENTS},
        headers=headers,
    )
    assert "result" in answer.json
    sent = {name: value for name, value in upstream.calls[0].headers.items() if name.startswith("mcp-param-")}
    assert sent == HEADERS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mcp-param-region", None),
        ("mcp-param-region", "eu-west1"),
        ("mcp-param-region", "US-WEST1"),
        ("mcp-param-size", "43"),
        ("mcp-param-size", "42.5"),
        ("mcp-param-size", "4.2e1"),
        ("mcp-param-dry-run", "True"),
        ("mcp-param-dry-run", "1"),
        ("mcp-param-city", "=?base64?!!?="),
        ("mcp-param-absent", "there"),
    ],
)
async def test_a_modern_client_whose_header_says_something_else_is_refused(
    world: World, name: str, value: str | None
) -> None:
    how: dict[str, Any] = {"tool": {"input_schema": json.dumps(MARKED)}, "params": {"arguments": ARGUMENTS}}
    answer, upstream = await called(world, done, era="modern", headers=HEADERS | {name: value}, **how)
    assert (answer.status, error_of(answer)["code"]) == (400, -32020)
    assert upstream.calls == []


@pytest.mark.parametrize("size", ["42", "42.0", "42.00", "=?base64?NDI=?="])
async def test_integers_agree_as_numbers(world: World, size: str) -> None:
    how: dict[str, Any] = {"tool": {"input_schema": json.dumps(MARKED)}, "params": {"arguments": ARGUMENTS}}
    answer, _ = await called(world, done, era="modern", headers=HEADERS | {"mcp-param-size": size}, **how)
    assert "result" in answer.json


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": [{"x-mcp-header": "A"}]},
        {"properties": "x-mcp-header"},
        {"properties": {"text": True, "other": {"x-mcp-header": "A"}}},
        {"properties": {"text": ["x-mcp-header"]}},
        {"properties": {"text": "x-mcp-header"}},
        {"properties": {"text": {"type": "string", "x-mcp-header": {"a": 1}}}},
        {"properties": {"text": {"type": "string", "x-mcp-header": 5}}},
        {"properties": {"text": {"type": "string", "x-mcp-header": "A\r\nAuthorization: stolen"}}},
        {"properties": {"text": {"type": "string", "x-mcp-header": ""}}},
        {"properties": {"text": {"type": "array", "x-mcp-header": "Text"}}},
        {
            "properties": {
                "text": {"type": "string", "x-mcp-header": "Text"},
                "b": {"type": "string", "x-mcp-header": "tEXT"},
            }
        },
        {"properties": None, "x-mcp-header": "A"},
    ],
)
@pytest.mark.parametrize("arguments", [{"text": "hi"}, [1], "x", None, {"text": {"deep": []}}])
async def test_a_schema_that_marks_headers_wrongly_harms_nobody(world: World, schema: Any, arguments: Any) -> None:
    tool = {"input_schema": json.dumps(schema)}
    answer, upstream = await called(world, done, tool=tool, params={"arguments": arguments})
    assert answer.json["result"] == RESULT
    assert "authorization" not in upstream.calls[0].headers
    assert not any(name.startswith("mcp-param-") for name in upstream.calls[0].headers)


# --- Who may call what ------------------------------------------------------------------------------------------------


@every_era
async def test_a_tool_of_another_team_answers_like_one_that_does_not_exist(world: World, era: str) -> None:
    async with ScriptedMcp(done) as upstream:
        token, red = world.token(), uuid4()
        world.gateway(upstream.url, era="modern")
        world.tool("red", visibility="team", team_id=red)
        world.tool("own", visibility="private", owner_id=uuid4())
        world.server("mixed", *world.tools)
        world.publish()
        for path in ("/mcp", "/rpc", "/servers/mixed/mcp"):
            answers = [
                await call(token, "tools/call", {"name": name}, era=era, path=path)
                for name in ("gw0-red", "gw0-own", "gw0-nix")
            ]
            errors = [error_of(answer) for answer in answers]
            assert [error["code"] for error in errors] == [-32602] * 3
            assert [error["message"][:-3] for error in errors] == ["Unknown tool: gw0-"] * 3
            assert [answer.status for answer in answers] == [200] * 3
    assert upstream.calls == []


async def test_a_server_calls_only_its_own_tools_and_by_its_own_names(world: World) -> None:
    async with ScriptedMcp(done) as upstream:
        token = world.token()
        world.gateway(upstream.url, era="modern")
        world.tool("outside")
        world.server("calc", world.tool("add"), aliases={"gw0-add": "plus"})
        world.publish()
        path = "/servers/calc/mcp"
        assert (await call(token, "tools/call", {"name": "plus"}, path=path)).json["result"] == RESULT
        assert error_of(await call(token, "tools/call", {"name": "gw0-outside"}, path=path))["code"] == -32602
        assert error_of(await call(token, "tools/call", {"name": "gw0-add"}, path=path))["code"] == -32602
        assert error_of(await call(token, "tools/call", {"name": "plus"}))["code"] == -32602
    assert [sent.message["params"]["name"] for sent in upstream.calls] == ["add"]


async def test_the_name_in_the_body_decides_not_the_one_in_a_header(world: World) -> None:
    async with ScriptedMcp(done) as upstream:
        token = an_echo_at(world, upstream.url)
        await call(token, "tools/call", {"name": "gw0-echo"}, headers={"mcp-name": "gw0-other", "mcp-method": "ping"})
    assert upstream.calls[0].headers["mcp-name"] == "echo"


@pytest.mark.parametrize("params", [{}, {"name": ""}, {"name": None}, {"name": 7}, {"name": ["gw0-echo"]}])
async def test_a_call_without_a_name_is_refused(world: World, params: dict[str, Any]) -> None:
    token = world.token()
    world.publish()
    assert error_of(await call(token, "tools/call", params))["code"] == -32602


async def test_a_tool_registered_a_moment_ago_elsewhere_is_found(world: World) -> None:
    async with ScriptedMcp(done) as upstream:
        token = world.token()
        world.publish()
        world.gateway(upstream.url, era="modern")
        world.tool("echo")
        assert (await call(token, "tools/call", {"name": "gw0-echo"})).json["result"] == RESULT


# --- The record -------------------------------------------------------------------------------------------------------


async def test_a_call_is_recorded_with_who_what_and_how_long(world: World, records: list[CallRecord]) -> None:
    await called(world, done, headers={"x-request-id": "request-1234"})
    (record,) = records
    (entry,) = world.tokens.values()
    assert (record.user_id, record.token_id) == (entry.actor.user_id, entry.actor.token_id)
    assert (record.tool_id, record.gateway_id) == (world.tools[0]["id"], world.gateways[0]["id"])
    assert (record.tool_name, record.method, record.outcome) == ("gw0-echo", "tools/call", "ok")
    assert (record.request_id, record.server_id) == ("request-1234", None)
    assert record.upstream_ms is not None
    assert 0 < record.upstream_ms <= record.duration_ms < 5000


async def test_a_call_of_an_unknown_tool_is_recorded_too(world: World, records: list[CallRecord]) -> None:
    token = world.token()
    world.publish()
    await call(token, "tools/call", {"name": "x" * 10_000})
    (record,) = records
    assert (record.outcome, record.tool_id, record.tool_name) == ("rpc_error", None, "")


async def test_other_methods_are_not_recorded(world: World, records: list[CallRecord]) -> None:
    token = world.token()
    world.publish()
    await call(token, "tools/list")
    await call(token, "ping")
    assert records == []
