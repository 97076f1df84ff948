"""A server that says in an answer that its lists have changed: its gateway is refreshed, and not all the time."""

import asyncio
import json
from uuid import UUID

import pytest

from proxy_app.federation import nudges as module
from proxy_app.federation.nudges import nudges
from tests.dataplane.calling import called, every_era
from tests.dataplane.world import World
from tests.scripted_mcp import RESULT, Call

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


@pytest.fixture
def refreshed(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The gateways whose refresh is enqueued."""
    found: list[UUID] = []

    async def run_unit(_unit: object, gateway_id: UUID) -> None:
        found.append(gateway_id)

    monkeypatch.setattr(module, "run_unit", run_unit)
    monkeypatch.setattr(module, "SOON_S", 0.0)
    monkeypatch.setattr(module, "ONCE_IN_S", 0.2)
    return found


async def says_so(call: Call) -> None:
    await call.stream()
    for _ in range(5):
        await call.notify("notifications/tools/list_changed")
    await call.stream_result(json.dumps(RESULT).encode())
    await call.end_stream()


@every_era
async def test_it_is_refreshed_once_however_often_it_says_so(world: World, refreshed: list[UUID], era: str) -> None:
    answer, _ = await called(world, says_so, era=era)
    assert answer.events[0]["method"] == "notifications/tools/list_changed"
    await asyncio.gather(*nudges._due.values())
    assert refreshed == [world.gateways[0]["id"]]


async def test_what_is_said_soon_after_waits_its_turn(world: World, refreshed: list[UUID]) -> None:
    await called(world, says_so)
    await asyncio.gather(*nudges._due.values())
    nudges.noted(world.gateways[0]["id"])
    nudges.noted(world.gateways[0]["id"])
    [task] = nudges._due.values()
    began = asyncio.get_running_loop().time()
    await task
    assert asyncio.get_running_loop().time() - began > 0.1
    assert refreshed == [world.gateways[0]["id"]] * 2


async def test_whoever_takes_no_stream_is_heard_too(world: World, refreshed: list[UUID]) -> None:
    answer, _ = await called(world, says_so, path="/rpc")
    assert answer.json["result"] == RESULT
    await asyncio.gather(*nudges._due.values())
    assert refreshed == [world.gateways[0]["id"]]
