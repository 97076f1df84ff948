"""What the client of a tools/call reads when the upstream refuses, lies, breaks off or says nothing."""

import asyncio
import time

import pytest

from proxy_app.observe.records import CallRecord
from tests.dataplane.calling import an_echo_at, called, either_upstream, every_era, every_pair
from tests.dataplane.rpc import call, error_of
from tests.dataplane.world import World
from tests.scripted_mcp import Call, Script, ScriptedMcp, done

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


@every_pair
async def test_an_upstreams_own_error_reaches_the_client_to_the_byte(world: World, era: str, upstream_era: str) -> None:
    error = b'{"code":-32001,"message":"No \\u00e9","data":{"z":1.0,"big":123456789012345678901234567890,"a":null}}'

    async def refuse(call: Call) -> None:
        await call.reply(b'"error":' + error)

    answer, _ = await called(world, refuse, era=era, upstream_era=upstream_era)
    assert (answer.status, answer.body) == (200, b'{"jsonrpc":"2.0","id":1,"error":' + error + b"}")


@every_pair
async def test_a_tools_own_failure_is_a_result(
    world: World, era: str, upstream_era: str, records: list[CallRecord]
) -> None:
    async def fail(call: Call) -> None:
        await call.result({"content": [{"type": "text", "text": "no such city"}], "isError": True})

    answer, _ = await called(world, fail, era=era, upstream_era=upstream_era)
    assert answer.json["result"]["isError"] is True
    assert records[-1].outcome == "tool_error"


def answering(status: int, body: bytes = b"", content_type: str = "application/json") -> Script:
    async def answer(call: Call) -> None:
        await call.answer(status, body, content_type)

    return answer


async def hang_up(call: Call) -> None:
    call.hang_up()


async def not_http(call: Call) -> None:
    await call.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    call.hang_up()


async def half_an_answer(call: Call) -> None:
    await call.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
    await asyncio.sleep(0.02)
    call.hang_up()


async def another_answer(call: Call) -> None:
    await call.answer(200, b'{"jsonrpc":"2.0","id":4711,"result":{}}')


BAD_UPSTREAMS: list[tuple[str, Script, str]] = [
    ("hangs up", hang_up, "upstream_cut"),
    ("is no http", not_http, "upstream_protocol"),
    ("half an answer", half_an_answer, "upstream_protocol"),
    ("another id", another_answer, "upstream_protocol"),
    ("html", answering(200, b"<html>", "text/html"), "upstream_not_mcp"),
    ("broken json", answering(200, b"{"), "upstream_protocol"),
    ("an empty body", answering(200, b""), "upstream_protocol"),
    ("bytes", answering(200, b'{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}'), "upstream_protocol"),
    ("a batch", answering(200, b"[]"), "upstream_protocol"),
    ("server error", answering(500, b"Traceback: secret-host", "text/plain"), "upstream_status"),
    ("redirect", answering(302), "upstream_redirect"),
    ("401", answering(401), "upstream_auth"),
    ("403", answering(403), "upstream_auth"),
    ("404", answering(404), "upstream_status"),
    ("202", answering(202, content_type=""), "upstream_not_mcp"),
]


@every_era
@pytest.mark.parametrize(("script", "code"), [bad[1:] for bad in BAD_UPSTREAMS], ids=[bad[0] for bad in BAD_UPSTREAMS])
async def test_a_broken_upstream_is_an_error_with_a_code_and_never_silence(
    world: World, era: str, script: Script, code: str, records: list[CallRecord]
) -> None:
    answer, _ = await called(world, script, era=era)
    error = error_of(answer)
    assert (answer.status, error["data"]["code"], answer.json["id"]) == (200, code, 1)
    assert error["code"] < -31000
    assert b"secret-host" not in answer.body
    assert records[-1].outcome == code


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_upstream_says_when_to_come_back(world: World, status: int) -> None:
    async def busy(call: Call) -> None:
        await call.answer(status, more="Retry-After: 17\r\n")

    answer, _ = await called(world, busy)
    assert (answer.status, answer.headers["retry-after"]) == (503, "17")
    assert error_of(answer)["data"] == {"code": "upstream_busy", "reason": "upstream_busy", "retry_after_seconds": 17}


@pytest.mark.parametrize(
    "result", [b"[]", b"null", b'"x"', b'{"isError":"yes"}', b'{"resultType":"surprise"}', b'{"resultType":7}']
)
async def test_a_result_that_is_none_is_a_broken_protocol(world: World, result: bytes) -> None:
    async def lie(call: Call) -> None:
        await call.reply(b'"result":' + result)

    answer, _ = await called(world, lie)
    assert error_of(answer)["data"] == {"code": "upstream_protocol"}


@pytest.mark.parametrize("error", [b"{}", b'"no"', b'{"code":"x"}', b'{"code":1,"message":[]}'])
async def test_an_error_that_is_none_is_a_broken_protocol(world: World, error: bytes) -> None:
    async def lie(call: Call) -> None:
        await call.reply(b'"error":' + error)

    answer, _ = await called(world, lie)
    assert error_of(answer)["data"] == {"code": "upstream_protocol"}


async def test_what_only_the_newer_era_can_be_asked_is_not_sent_to_the_older(world: World) -> None:
    async def ask_back(call: Call) -> None:
        await call.result({"resultType": "input_required", "inputRequests": {}, "requestState": "s"})

    answer, _ = await called(world, ask_back, era="legacy")
    assert error_of(answer)["data"] == {"code": "upstream_protocol"}
    world.__init__()  # type: ignore[misc]
    answer, _ = await called(world, ask_back, era="modern")
    assert answer.json["result"]["resultType"] == "input_required"


async def test_an_upstream_that_is_not_there_is_said_so(world: World, records: list[CallRecord]) -> None:
    async with ScriptedMcp(done) as upstream:
        url = upstream.url
    token = an_echo_at(world, url)
    answer = await call(token, "tools/call", {"name": "gw0-echo"})
    assert error_of(answer)["data"] == {"code": "upstream_unreachable"}
    assert url.split(":")[2].split("/")[0] not in answer.body.decode()
    assert records[-1].outcome == "upstream_unreachable"


@either_upstream
async def test_a_silent_upstream_is_given_up_after_the_tools_own_time(world: World, upstream_era: str) -> None:
    async def hang(call: Call) -> None:
        await call.wait_for_hang_up()

    began = time.perf_counter()
    answer, _ = await called(world, hang, upstream_era=upstream_era, tool={"timeout_ms": 200})
    assert error_of(answer)["data"] == {"code": "upstream_timeout"}
    assert time.perf_counter() - began < 1.5


async def begin(call: Call) -> None:
    await call.stream()
    await call.notify("notifications/progress", progressToken=1, progress=1)
    await asyncio.sleep(0.02)  # long enough to be relayed before what comes next


async def begin_and_hang_up(call: Call) -> None:
    await begin(call)
    call.hang_up()


async def begin_and_end(call: Call) -> None:
    await begin(call)
    await call.end_stream()


async def begin_and_talk_nonsense(call: Call) -> None:
    await begin(call)
    await call.event(b"nonsense")
    await call.end_stream()


async def begin_and_answer_nonsense(call: Call) -> None:
    await begin(call)
    await call.stream_result(b"[]")
    await call.end_stream()


@every_pair
@pytest.mark.parametrize(
    ("script", "code"),
    [
        (begin_and_hang_up, "upstream_protocol"),
        (begin_and_end, "upstream_cut"),
        (begin_and_talk_nonsense, "upstream_protocol"),
        (begin_and_answer_nonsense, "upstream_protocol"),
    ],
)
async def test_a_stream_that_breaks_off_ends_with_an_error(
    world: World, era: str, upstream_era: str, script: Script, code: str, records: list[CallRecord]
) -> None:
    answer, _ = await called(world, script, era=era, upstream_era=upstream_era, id="abc")
    progress, last = answer.events
    assert progress["method"] == "notifications/progress"
    assert (last["id"], last["error"]["data"]) == ("abc", {"code": code})
    assert records[-1].outcome == code


@every_era
async def test_an_upstreams_error_at_the_end_of_a_stream_is_passed_on(world: World, era: str) -> None:
    async def fail_late(call: Call) -> None:
        await call.stream()
        await call.notify("notifications/progress", progressToken=1, progress=1)
        await call.event(b'{"jsonrpc":"2.0","id":%d,"error":{"code":-5,"message":"late"}}' % call.message["id"])
        await call.end_stream()

    answer, _ = await called(world, fail_late, era=era)
    assert answer.events[-1] == {"jsonrpc": "2.0", "id": 1, "error": {"code": -5, "message": "late"}}


async def test_a_silent_stream_is_given_up_after_the_tools_own_time(world: World) -> None:
    async def begin_and_hang(call: Call) -> None:
        await call.stream()
        await call.notify("notifications/progress", progressToken=1, progress=1)
        await call.wait_for_hang_up()

    began = time.perf_counter()
    answer, _ = await called(world, begin_and_hang, tool={"timeout_ms": 200})
    assert answer.events[-1]["error"]["data"] == {"code": "upstream_timeout"}
    assert time.perf_counter() - began < 5
