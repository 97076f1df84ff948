"""POST /a2a/{name}/invoke and /a2a/invoke: the agent's own answer, for who may; and the same from the agent's page."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from auth_app.actor import Actor, TokenScope
from gatewaysite.asgi import application
from gatewaysite.errors import NotFound
from proxy_app.dataplane.a2a.trial import tell_agent
from proxy_app.dataplane.bridge import Bridge
from proxy_app.dataplane.call import PageCallResult
from proxy_app.observe.records import CallRecord
from tests.asgi_client import Answer, ask, begin
from tests.dataplane.world import World
from tests.scripted_a2a import a_message, answering
from tests.scripted_mcp import Call, Script, ScriptedMcp

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

SAID = {"parameters": {"query": "hello"}, "interaction_type": "query"}


async def posted(token: str, path: str, body: Any = SAID, **headers: str) -> Answer:
    usual = {"content-type": "application/json", "authorization": f"Bearer {token}"} | headers
    return await ask(application, "POST", path, body=json.dumps(body).encode(), headers=usual)


async def invoked(
    world: World, script: Script, path: str = "/a2a/helper/invoke", body: Any = SAID
) -> tuple[Answer, ScriptedMcp]:
    async with ScriptedMcp(script, handshake=False) as upstream:
        token = world.token()
        world.agent("helper", upstream.url)
        world.publish()
        return await posted(token, path.replace("{id}", world.agents[-1]["id"].hex), body), upstream


@pytest.mark.parametrize("path", ["/a2a/helper/invoke", "/v1/a2a/{id}/invoke", "/agents/helper/invoke/"])
async def test_an_agent_is_invoked_by_name_or_id_and_its_answer_is_passed_on(
    world: World, records: list[CallRecord], path: str
) -> None:
    result = a_message({"text": "hi"})
    answer, upstream = await invoked(world, answering(result), path)
    assert (answer.status, answer.json) == (200, {"jsonrpc": "2.0", "id": 1, "result": result})
    assert upstream.calls[0].message["params"]["message"]["parts"] == [{"text": "hello"}]
    (record,) = records
    assert (record.method, record.tool_name, record.outcome) == ("a2a/invoke", "helper", "ok")
    assert record.agent_id == world.agents[0]["id"]


async def test_an_agent_is_named_in_the_body_where_the_path_does_not(world: World) -> None:
    token = world.token()
    async with ScriptedMcp(answering(), handshake=False) as upstream:
        agent = world.agent("helper", upstream.url)
        world.publish()
        for key in (agent["id"].hex, str(agent["id"]), "helper", "Helper"):
            answer = await posted(token, "/a2a/invoke", SAID | {"agent_id": key})
            assert answer.status == 200, key
    assert (await posted(token, "/a2a/invoke", SAID)).json["detail"][0]["loc"] == ["body", "agentId"]


async def test_a_whole_message_is_sent_in_the_words_of_the_agents_version(world: World) -> None:
    message = {"role": "user", "messageId": "m1", "parts": [{"kind": "text", "text": "hi"}]}
    _, upstream = await invoked(world, answering(), body={"parameters": {"message": message}})
    sent = upstream.calls[0].message["params"]["message"]
    assert sent == {"role": "ROLE_USER", "messageId": "m1", "parts": [{"text": "hi"}]}


async def test_what_the_agent_refuses_is_its_answer(world: World, records: list[CallRecord]) -> None:
    error = {"code": -32001, "message": "no such task"}
    answer, _ = await invoked(world, answering(error=error))
    assert (answer.status, answer.json["error"]) == (200, error)
    assert records[0].outcome == "rpc_error"


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"parameters": {}}, ["body", "parameters", "query"]),
        ({"parameters": {"query": 5}}, ["body", "parameters", "query"]),
        ({"parameters": {"message": "hi"}}, ["body", "parameters", "message"]),
        ({"parameters": {"message": {"role": "user"}}}, ["body", "parameters", "message"]),
        ({"parameters": "x"}, ["body", "parameters"]),
        ({"query": "x"}, ["body", "query"]),
    ],
)
async def test_what_is_no_message_is_422_with_the_field(world: World, body: Any, loc: list[str]) -> None:
    answer, upstream = await invoked(world, answering(), body=body)
    assert (answer.status, answer.json["detail"][0]["loc"]) == (422, loc)
    assert upstream.calls == []


async def test_a_body_that_is_no_json_is_told_so(world: World) -> None:
    token = world.token()
    world.agent("helper")
    world.publish()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    assert (await ask(application, "POST", "/a2a/helper/invoke", body=b"{", headers=headers)).status == 400
    headers["content-type"] = "text/plain"
    assert (await ask(application, "POST", "/a2a/helper/invoke", body=b"{}", headers=headers)).status == 415


async def test_an_agent_that_hangs_up_is_a_502_that_names_no_host(world: World, records: list[CallRecord]) -> None:
    async def hang_up(call: Call) -> None:
        call.hang_up()

    answer, _ = await invoked(world, hang_up)
    assert (answer.status, answer.json["code"]) == (502, "upstream_cut")
    assert "127.0.0.1" not in answer.json["detail"]
    assert records[0].outcome == "upstream_cut"


async def test_a_client_that_leaves_ends_the_call(world: World, records: list[CallRecord]) -> None:
    asked = asyncio.Event()

    async def silence(call: Call) -> None:
        asked.set()
        await call.wait_for_hang_up()

    async with ScriptedMcp(silence, handshake=False) as upstream:
        token = world.token()
        world.agent("helper", upstream.url)
        world.publish()
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        visit = begin(application, "POST", "/a2a/helper/invoke", body=json.dumps(SAID).encode(), headers=headers)
        running = asyncio.create_task(visit.run())
        await asyncio.wait_for(asked.wait(), 5)
        visit.leave()
        await asyncio.wait_for(running, 5)
    assert visit.sent == []
    assert records[0].outcome == "client_left"


async def test_an_unknown_agent_one_switched_off_and_somebody_elses_look_the_same(world: World) -> None:
    token = world.token()
    world.agent("hidden", visibility="private", owner_id=uuid4())
    world.publish()
    answers = [await posted(token, f"/a2a/{name}/invoke") for name in ("hidden", "nowhere")]
    assert {(answer.status, answer.body) for answer in answers} == {(404, answers[0].body)}


async def test_a_token_that_may_only_look_is_refused(world: World) -> None:
    token = world.token(scope=TokenScope(frozenset({"*.read"})))
    world.agent("helper")
    world.publish()
    answer = await posted(token, "/a2a/helper/invoke")
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


async def test_calls_of_all_callers_together_are_held_to_the_agents_rate(world: World) -> None:
    async with ScriptedMcp(answering(), handshake=False) as upstream:
        token = world.token()
        world.agent("helper", upstream.url, rate_limit="1/hour")
        world.publish()
        statuses = [(await posted(token, "/a2a/helper/invoke")).status for _ in range(2)]
    assert statuses == [200, 429]


async def told(world: World, script: Script, actor: Actor | None = None) -> PageCallResult:
    async with ScriptedMcp(script, handshake=False) as upstream:
        actor = actor or world.actor(world.token())
        agent = world.agent("helper", upstream.url)
        world.publish()
        return await from_a_thread(actor, agent["id"])


async def from_a_thread(actor: Actor, agent_id: UUID) -> PageCallResult:
    Bridge.loop = asyncio.get_running_loop()
    return await asyncio.to_thread(tell_agent, actor, agent_id, "hello")


@pytest.fixture(autouse=True)
def _no_loop_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bridge, "loop", None)


async def test_a_page_gets_what_the_agent_said_and_how_long_it_took(world: World, records: list[CallRecord]) -> None:
    result = await told(world, answering(a_message({"text": "hi"})))
    assert (result.ok, result.is_error, result.content) == (True, False, [{"type": "text", "text": "hi"}])
    assert result.upstream_ms is not None
    assert 0 < result.upstream_ms <= result.duration_ms
    assert '"text": "hi"' in result.raw
    assert (records[0].method, records[0].outcome) == ("a2a/invoke", "ok")


async def test_on_a_page_trouble_is_a_sentence(world: World) -> None:
    result = await told(world, answering(error={"code": -32602, "message": "Say it in French"}))
    assert (result.ok, result.error) == (False, "Say it in French")
    result = await told(world, answering({"id": 1}))
    assert (result.ok, result.error) == (False, "The agent answered with neither a message nor a task.")
    looker = world.actor(world.token(scope=TokenScope(frozenset({"*.read"}))))
    assert "Access denied" in str((await told(world, answering(), looker)).error)


async def test_from_a_page_a_hidden_agent_is_not_found(world: World) -> None:
    world.publish()
    with pytest.raises(NotFound):
        await from_a_thread(world.actor(world.token()), uuid4())
