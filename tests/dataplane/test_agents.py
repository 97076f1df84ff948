"""An agent called as a tool, in both versions of A2A: what it is sent, and what its answer becomes."""

import asyncio
import base64
from typing import Any

import pytest

from proxy_app.observe.records import CallRecord
from tests.asgi_client import Answer
from tests.dataplane.rpc import ERAS, call, error_of
from tests.dataplane.world import World
from tests.scripted_a2a import a_message, a_task, answering
from tests.scripted_mcp import Call, Script, ScriptedMcp

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

HELLO = {"query": "hello"}
PNG = base64.b64encode(b"\x89PNG").decode()


async def called(
    world: World, script: Script, arguments: Any = None, *, era: str = "legacy", **agent: Any
) -> tuple[Answer, ScriptedMcp]:
    """tools/call of the tool of an agent that runs this script."""
    async with ScriptedMcp(script, handshake=False) as upstream:
        token = world.token()
        world.agents, world.tools = [], []  # the one of a call before is gone
        world.agent("helper", upstream.url, **agent)
        world.publish()
        params = {"name": "a2a-helper", "arguments": HELLO if arguments is None else arguments}
        return await call(token, "tools/call", params, era=era), upstream


async def result_of(world: World, result: Any, **how: Any) -> dict[str, Any]:
    answer, _ = await called(world, answering(result), **how)
    return answer.json["result"]


async def test_an_agent_of_1_0_is_sent_a_message_and_its_text_is_the_result(
    world: World, records: list[CallRecord]
) -> None:
    answer, upstream = await called(world, answering(a_message({"text": "hi"})), headers={"Authorization": "Bearer k"})
    assert answer.json["result"]["content"] == [{"type": "text", "text": "hi"}]
    assert answer.json["result"]["isError"] is False
    (sent,) = upstream.calls
    assert (sent.message["method"], sent.headers["a2a-version"]) == ("SendMessage", "1.0")
    assert sent.headers["authorization"] == "Bearer k"
    message = sent.message["params"]["message"]
    assert message.pop("messageId").startswith("poolgate-")
    assert message == {"role": "ROLE_USER", "parts": [{"text": "hello"}]}
    (record,) = records
    assert (record.method, record.tool_name, record.outcome) == ("tools/call", "a2a-helper", "ok")
    assert (record.agent_id, record.gateway_id) == (world.agents[0]["id"], None)
    assert record.upstream_ms is not None


async def test_an_agent_of_0_3_is_sent_what_0_3_says_and_waits_until_it_is_done(world: World) -> None:
    answer, upstream = await called(
        world,
        answering({"kind": "message", "messageId": "m", "role": "agent", "parts": [{"kind": "text", "text": "hi"}]}),
        {"query": "hello", "city": "Bonn"},
        protocol_version="0.3",
    )
    assert answer.json["result"]["content"] == [{"type": "text", "text": "hi"}]
    (sent,) = upstream.calls
    assert (sent.message["method"], sent.headers["a2a-version"]) == ("message/send", "0.3")
    params = sent.message["params"]
    assert params["configuration"] == {"blocking": True}
    assert (params["message"]["kind"], params["message"]["role"]) == ("message", "user")
    assert params["message"]["parts"] == [
        {"kind": "text", "text": "hello"},
        {"kind": "data", "data": {"city": "Bonn"}},
    ]


@pytest.mark.parametrize("era", ERAS)
async def test_both_eras_of_clients_get_a_complete_result(world: World, era: str) -> None:
    result = await result_of(world, a_message({"text": "hi"}), era=era)
    assert result.get("resultType") == ("complete" if era == "modern" else None)


async def test_the_artifacts_of_a_finished_task_are_the_result(world: World) -> None:
    status = {"state": "TASK_STATE_COMPLETED", "message": {"parts": [{"text": "done, by the way"}]}}
    result = await result_of(world, a_task({"text": "made"}, status=status))
    assert result["content"] == [{"type": "text", "text": "made"}]
    assert result["_meta"] == {"poolgate/a2a": {"state": "completed", "taskId": "t1", "contextId": "c1"}}


async def test_a_task_that_made_nothing_says_what_its_status_says(world: World) -> None:
    status = {"state": "TASK_STATE_COMPLETED", "message": {"parts": [{"text": "nothing to do"}]}}
    assert (await result_of(world, a_task(status=status)))["content"] == [{"type": "text", "text": "nothing to do"}]


async def test_data_is_text_and_when_it_is_one_object_structured_to_the_byte(world: World) -> None:
    async def script(call: Call) -> None:
        data = b'{"sum":123456789012345678901234567890, "b":1e2}'
        await call.reply(b'"result":{"message":{"messageId":"m","parts":[{"data":' + data + b"}]}}")

    answer, _ = await called(world, script)
    assert b'"structuredContent":{"sum":123456789012345678901234567890, "b":1e2}' in answer.body
    assert answer.json["result"]["content"][0]["text"] == '{"sum":123456789012345678901234567890, "b":1e2}'


async def test_several_pieces_of_data_are_text_alone(world: World) -> None:
    result = await result_of(world, a_message({"data": {"a": 1}}, {"data": {"b": 2}}))
    assert "structuredContent" not in result
    assert [block["text"] for block in result["content"]] == ['{"a": 1}', '{"b": 2}']


OLD_FILE = {"kind": "file", "file": {"bytes": "AAAA", "name": "a b.bin", "mimeType": "application/x-b"}}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"raw": PNG, "mediaType": "image/png"}, {"type": "image", "data": PNG, "mimeType": "image/png"}),
        ({"raw": "AAAA", "mediaType": "audio/wav"}, {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}),
        (
            {"url": "https://example.com/a", "filename": "a.txt", "mediaType": "text/plain"},
            {"type": "resource_link", "uri": "https://example.com/a", "name": "a.txt", "mimeType": "text/plain"},
        ),
        (
            OLD_FILE,
            {
                "type": "resource",
                "resource": {"uri": "file:///a%20b.bin", "blob": "AAAA", "mimeType": "application/x-b"},
            },
        ),
    ],
)
async def test_files_are_content_of_their_kind(world: World, part: Any, block: Any) -> None:
    assert (await result_of(world, a_message(part)))["content"] == [block]


@pytest.mark.parametrize("state", ["TASK_STATE_FAILED", "TASK_STATE_REJECTED", "TASK_STATE_CANCELED"])
async def test_a_task_that_failed_is_an_error_of_the_tool(world: World, records: list[CallRecord], state: str) -> None:
    result = await result_of(world, a_task(status={"state": state, "message": {"parts": [{"text": "no"}]}}))
    assert (result["isError"], result["content"]) == (True, [{"type": "text", "text": "no"}])
    assert records[0].outcome == "tool_error"


async def test_a_failed_task_without_words_is_told_by_its_state(world: World) -> None:
    result = await result_of(world, {"kind": "task", "id": "t1", "status": {"state": "canceled"}})
    assert (result["isError"], result["content"][0]["text"]) == (True, "The agent's task ended as canceled.")


async def test_an_agent_that_asks_back_tells_how_to_go_on(world: World) -> None:
    status = {"state": "TASK_STATE_INPUT_REQUIRED", "message": {"parts": [{"text": "Which city?"}]}}
    answer, upstream = await called(world, answering(a_task(status=status)))
    first, second = answer.json["result"]["content"]
    assert first["text"] == "Which city?"
    assert "taskId t1 and contextId c1" in second["text"]
    again = {"query": "Bonn", "taskId": "t1", "contextId": "c1"}
    _, upstream = await called(world, answering(), again)
    message = upstream.calls[0].message["params"]["message"]
    assert (message["taskId"], message["contextId"], message["parts"]) == ("t1", "c1", [{"text": "Bonn"}])


async def test_a_task_that_goes_on_is_said_to(world: World) -> None:
    result = await result_of(world, {"kind": "task", "id": "t1", "status": {"state": "working"}})
    assert result["content"][0]["text"] == "The agent has not finished: task t1 is working."


async def test_what_the_agent_refuses_is_told_to_the_model(world: World, records: list[CallRecord]) -> None:
    answer, _ = await called(world, answering(error={"code": -32602, "message": "No\nsuch skill"}))
    result = answer.json["result"]
    assert (result["isError"], result["content"][0]["text"]) == (True, "The agent refused this: No such skill")
    assert records[0].outcome == "tool_error"


@pytest.mark.parametrize("arguments", [{}, {"query": 5}, {"query": "", "taskId": "t"}, []])
async def test_arguments_that_are_no_message_never_reach_the_agent(world: World, arguments: Any) -> None:
    answer, upstream = await called(world, answering(), arguments)
    assert answer.json["result"]["isError"] is True
    assert upstream.calls == []


async def hang_up(call: Call) -> None:
    call.hang_up()


async def html(call: Call) -> None:
    await call.answer(200, b"<html>", "text/html")


async def forbid(call: Call) -> None:
    await call.answer(401, b"{}")


async def busy(call: Call) -> None:
    await call.answer(503, b"{}")


async def too_deep(call: Call) -> None:
    await call.reply(b'"result":' + b"[" * 10_000 + b"]" * 10_000)


FAULTS = {
    "hangs up": (hang_up, "upstream_cut"),
    "html": (html, "upstream_protocol"),
    "401": (forbid, "upstream_auth"),
    "503": (busy, "upstream_busy"),
    "neither message nor task": (answering({"id": 1}), "upstream_protocol"),
    "a number": (answering(5), "upstream_protocol"),
    "parts that are none": (answering({"message": {"parts": "x"}}), "upstream_protocol"),
    "too deep": (too_deep, "upstream_protocol"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_trouble_of_an_agent_is_classed_as_that_of_other_upstreams(
    world: World, records: list[CallRecord], fault: str
) -> None:
    script, code = FAULTS[fault]
    answer, _ = await called(world, script)
    error = error_of(answer)
    assert error["data"]["code"] == code
    assert "127.0.0.1" not in error["message"]
    assert records[0].outcome == code


async def test_an_agent_that_takes_too_long_is_given_up(world: World) -> None:
    async def silence(call: Call) -> None:
        await asyncio.sleep(30)

    async with ScriptedMcp(silence, handshake=False) as upstream:
        token = world.token()
        world.agent("helper", upstream.url)
        world.tools[-1]["timeout_ms"] = 100
        world.publish()
        answer = await call(token, "tools/call", {"name": "a2a-helper", "arguments": HELLO})
    assert error_of(answer)["data"]["code"] == "upstream_timeout"


async def test_an_answer_that_comes_as_a_stream_is_waited_for(world: World) -> None:
    async def streamed(call: Call) -> None:
        await call.stream()
        await call.stream_result(b'{"message":{"messageId":"m","parts":[{"text":"at last"}]}}')
        await call.end_stream()

    answer, _ = await called(world, streamed)
    assert answer.json["result"]["content"] == [{"type": "text", "text": "at last"}]


async def test_messages_go_where_the_card_said_over_the_agents_own_pool(world: World) -> None:
    async with ScriptedMcp(answering(), handshake=False) as upstream:
        token = world.token()
        world.agent("helper", f"http://127.0.0.1:{upstream.port}", message_url=f"http://127.0.0.1:{upstream.port}/rpc")
        world.publish()
        await call(token, "tools/call", {"name": "a2a-helper", "arguments": HELLO})
    assert [one.path for one in upstream.calls] == ["/rpc"]


async def test_a_tool_whose_agents_credential_cannot_be_read_says_so_and_the_others_go_on(world: World) -> None:
    token = world.token()
    world.agent("helper", sealed_headers="nobody can read this")
    world.publish()
    answer = await call(token, "tools/call", {"name": "a2a-helper", "arguments": HELLO})
    assert "credential" in error_of(answer)["message"]
