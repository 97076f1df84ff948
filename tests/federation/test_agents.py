"""Reading the cards of agents on real sockets: what they say of themselves arrives, or the row says why not."""

import asyncio
import json
from typing import Any

import pytest

from proxy_app.federation.agents.sync import sync_agent
from proxy_app.federation.prober import Prober
from proxy_app.models import Agent, Tool
from tests.builders import an_agent
from tests.scripted_a2a import CARD_PATH, SKILL, a_card
from tests.scripted_mcp import Call, Script, ScriptedMcp

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

MARKUP = "<img src=x onerror=alert(1)>"


def cards(**by_path: Any) -> Script:
    """A script that has these documents, and nothing else."""

    async def script(call: Call) -> None:
        card = by_path.get(call.path)
        await call.answer(404 if card is None else 200, json.dumps(card).encode())

    return script


async def registered(script: Script, path: str = "/a2a", **row: Any) -> tuple[Agent, ScriptedMcp]:
    """An agent whose host runs this script, after its card was read."""
    async with ScriptedMcp(script, handshake=False) as upstream:
        url = f"http://127.0.0.1:{upstream.port}{path}"
        pending: dict[str, Any] = {"status": "pending", "reachable": False, "endpoint_url": url}
        agent = await asyncio.to_thread(an_agent, row.pop("name", "helper"), **(pending | row))
        await sync_agent(agent.id)
    await agent.arefresh_from_db()
    return agent, upstream


async def test_what_the_card_says_is_on_the_row_and_in_the_tool() -> None:
    agent, _ = await registered(cards(**{CARD_PATH: a_card(iconUrl="https://example.com/i.png")}))
    assert (agent.status, agent.reachable, agent.registration_attempts) == ("active", True, 1)
    assert (agent.description, agent.capabilities) == ("Helps with numbers", {"streaming": True})
    assert (agent.icon, agent.card["skills"]) == ("https://example.com/i.png", [SKILL])
    assert (agent.card["name"], agent.card["version"], agent.card["provider"]) == ("Helper", "1.2.3", "Example")
    tool = await Tool.objects.aget(agent=agent)
    assert tool.description == "Helps with numbers\n- Sum: Adds numbers up"


async def test_what_people_wrote_stays_and_what_the_card_said_before_follows_it() -> None:
    agent, _ = await registered(
        cards(**{CARD_PATH: a_card()}), description="ours", card={"description": "x", "capabilities": {"a": 1}},
        capabilities={"a": 1},
    )  # fmt: skip
    assert (agent.description, agent.capabilities) == ("ours", {"streaming": True})


@pytest.mark.parametrize(
    "path", ["/agents/x/.well-known/agent-card.json", CARD_PATH, "/agents/x/.well-known/agent.json"]
)
async def test_the_card_is_looked_for_below_the_endpoint_and_at_the_root_in_either_spelling(path: str) -> None:
    agent, _ = await registered(cards(**{path: a_card()}), "/agents/x")
    assert (agent.status, agent.card["name"]) == ("active", "Helper")
    assert agent.card["url"].endswith(path)


async def test_an_agent_without_a_card_is_one_all_the_same() -> None:
    agent, upstream = await registered(cards())
    assert (agent.status, agent.reachable, agent.card) == ("active", True, {})
    assert "no card" in (agent.status_message or "")
    assert len(upstream.calls) == 4


async def test_a_page_where_the_card_should_be_is_no_card() -> None:
    async def website(call: Call) -> None:
        await call.answer(200, b"<html>", "text/html")

    agent, _ = await registered(website)
    assert (agent.status, agent.card) == ("active", {})


async def test_a_host_alone_is_enough_when_the_card_says_where_messages_go() -> None:
    async def script(call: Call) -> None:
        url = f"http://{call.headers['host']}/rpc"
        await call.answer(200 if call.path == CARD_PATH else 404, json.dumps(a_card(url)).encode())

    for path in ("", CARD_PATH):
        agent, upstream = await registered(script, path, name=f"helper {len(path)}")
        assert agent.message_url == f"http://127.0.0.1:{upstream.port}/rpc", agent.status_message


async def test_a_card_sends_nobody_to_another_host_with_the_agents_credential() -> None:
    foreign = a_card("https://attacker.example.com/rpc")
    agent, _ = await registered(cards(**{CARD_PATH: foreign}), "")
    assert (agent.status, agent.message_url) == ("active", "")
    agent, _ = await registered(cards(**{CARD_PATH: foreign}), CARD_PATH, name="other")
    assert (agent.status, agent.last_error) == ("failed", "upstream_protocol")


@pytest.mark.parametrize(
    "odd", ["http://[::1", "http://{host}:99999/x", "http://key@{host}/rpc", "//{host}/rpc", "https://{host}/rpc", "{"]
)
async def test_an_address_that_is_none_of_its_own_is_passed_over(odd: str) -> None:
    async def script(call: Call) -> None:
        url = odd.replace("{host}", call.headers["host"])
        await call.answer(200 if call.path == CARD_PATH else 404, json.dumps(a_card(url)).encode())

    agent, _ = await registered(script, "")
    assert (agent.status, agent.message_url) == ("active", "")


async def test_an_agent_that_speaks_only_0_3_is_spoken_to_so() -> None:
    old = {"name": "Old", "url": "http://127.0.0.1/x", "protocolVersion": "0.3.0", "skills": []}
    agent, _ = await registered(cards(**{CARD_PATH: old}))
    assert agent.protocol_version == "0.3"


async def test_an_agent_of_both_versions_is_spoken_to_as_people_said() -> None:
    both = [
        {"url": "http://127.0.0.1/x", "protocolBinding": "JSONRPC", "protocolVersion": version}
        for version in ("1.0", "0.3")
    ]
    agent, _ = await registered(cards(**{CARD_PATH: a_card(supportedInterfaces=both)}), protocol_version="0.3")
    assert agent.protocol_version == "0.3"


HOSTILE: dict[str, Any] = {
    "lists that are none": {"skills": 5, "supportedInterfaces": {"a": 1}, "provider": [], "capabilities": "x"},
    "items that are none": {"skills": [5, None, {"name": MARKUP, "tags": "x"}], "supportedInterfaces": [None]},
    "controls and directions": {"name": "a\x00b\u202ec", "description": "x\u2028y\x07", "iconUrl": "javascript:1"},
    "much of everything": {"skills": [{"name": "x" * 5000, "description": "y" * 3000}] * 110},
    "a NUL in what is kept": {"capabilities": {"a": "\x00"}},
}


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_hostile_card_is_cut_to_what_can_be_kept(hostile: str) -> None:
    agent, _ = await registered(cards(**{CARD_PATH: a_card(**HOSTILE[hostile])}))
    assert agent.status == "active"
    assert len(json.dumps(agent.card)) < 200_000
    assert agent.icon == ""
    assert not {"\x00", "\u202e", "\u2028", "\x07"} & set(str(agent.card) + str(agent.description))


async def refuse(call: Call) -> None:
    await call.answer(401, b"who are you", "text/plain")


async def break_down(call: Call) -> None:
    await call.answer(500, b"oops")


async def hang_up(call: Call) -> None:
    call.hang_up()


async def nonsense(call: Call) -> None:
    await call.answer(200, b"[" * 10_000)


FAULTS = {
    "refuses": (refuse, "upstream_auth"),
    "breaks down": (break_down, "upstream_status"),
    "hangs up": (hang_up, "upstream_cut"),
    "talks nonsense": (nonsense, "upstream_protocol"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_trouble_with_the_card_is_on_the_row(fault: str) -> None:
    script, code = FAULTS[fault]
    agent, _ = await registered(script)
    assert (agent.status, agent.reachable, agent.last_error, agent.sync_step) == ("failed", False, code, "")
    assert "127.0.0.1" not in (agent.status_message or "")


async def test_a_refusal_says_whether_there_was_a_credential() -> None:
    agent, _ = await registered(refuse)
    assert agent.status_message == "The server wants a credential, and none is set: HTTP 401 (who are you)."


async def test_an_agent_switched_off_while_its_job_waited_is_left_alone() -> None:
    agent, upstream = await registered(cards(), enabled=False)
    assert (agent.status, agent.registration_attempts, upstream.calls) == ("pending", 0, [])


async def test_a_credential_that_cannot_be_read_is_said_to_be_so() -> None:
    agent, _ = await registered(cards(), sealed_headers="nobody can read this")
    assert (agent.status, agent.last_error) == ("failed", "credential_unreadable")


async def test_agents_are_asked_now_and_then_how_they_are() -> None:
    async with ScriptedMcp(cards(), handshake=False) as upstream:
        agent = await asyncio.to_thread(an_agent, endpoint_url=f"http://127.0.0.1:{upstream.port}/a2a")
        prober = Prober()
        await prober.check_due()
        await agent.arefresh_from_db()
        assert (agent.health, agent.reachable) == ("healthy", True)
        assert agent.last_seen is not None
    for _ in range(2):
        prober._due.clear()
        await prober.check_due()
    await agent.arefresh_from_db()
    assert (agent.health, agent.reachable) == ("unreachable", False)


async def test_an_agent_that_shall_not_be_asked_is_not() -> None:
    async with ScriptedMcp(cards(), handshake=False) as upstream:
        url = f"http://127.0.0.1:{upstream.port}/a2a"
        await asyncio.to_thread(an_agent, endpoint_url=url, pool_options={"probe": False})
        await Prober().check_due()
        assert upstream.calls == []
