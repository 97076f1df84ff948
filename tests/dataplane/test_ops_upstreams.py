"""/ops/upstreams: how every upstream is, and new connections to one of them, for administrators' tokens."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pytest_django import Settings

from gatewaysite.asgi import application
from proxy_app.observe import upstreams as observed
from proxy_app.observe.neighbours import FILE_BYTES
from proxy_app.observe.upstreams import EDITION, GONE_AFTER_S, merged, teller
from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import Answer, ask
from tests.dataplane.rpc import call
from tests.dataplane.world import World
from tests.scripted_mcp import ScriptedMcp, done
from tests.upstream.fakes import until

pytestmark = pytest.mark.anyio

PATH = "/ops/upstreams"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = tmp_path
    monkeypatch.setattr(observed, "run_unit", _no_database)


async def _no_database(unit: Any, key: str, *_more: Any, **_named: Any) -> bool:
    return False


async def request(token: str | None, method: str = "GET", path: str = PATH) -> Answer:
    return await ask(application, method, path, headers={"authorization": f"Bearer {token}"} if token else {})


async def test_it_is_for_administrators_tokens(world: World, upstreams: UpstreamClient) -> None:
    tokens = (None, "made-up", world.token(), world.token(admin=True))
    assert [(await request(token)).status for token in tokens] == [401, 401, 403, 200]
    recreating = f"{PATH}/gw/recreate"
    assert [(await request(token, "POST", recreating)).status for token in tokens] == [401, 401, 403, 404]
    assert (await request(tokens[-1], "GET", recreating)).status == 405


async def test_it_says_how_an_upstream_is_and_gives_it_new_connections(world: World, upstreams: UpstreamClient) -> None:
    async with ScriptedMcp(done) as upstream:
        admin = world.token(admin=True)
        gateway = world.gateway(upstream.url, era="modern")
        world.tool("echo")
        world.publish()
        assert (await call(world.token(), "tools/call", {"name": "gw0-echo"})).status == 200
        key = gateway["id"].hex
        recreated = await request(admin, "POST", f"{PATH}/{key}/recreate")
        assert (recreated.status, recreated.json["event"]["cause"]) == (200, "manual")
        assert (recreated.json["event"]["generation"], recreated.json["everywhere"]) == (2, False)
        assert (await call(world.token(), "tools/call", {"name": "gw0-echo"})).status == 200
        (told,) = (await request(admin)).json["upstreams"]
    assert (told["key"], told["name"], told["state"], told["generation"]) == (key, "gw0", "healthy", 2)
    assert (told["opened"], told["answered"], told["in_flight"], told["total"]["count"]) == (2, 2, 0, 2)
    assert told["timeline"][0]["who"].endswith("@example.com")


async def test_processes_of_one_machine_are_added_up(world: World, upstreams: UpstreamClient, tmp_path: Path) -> None:
    async with ScriptedMcp(done) as upstream:
        world.gateway(upstream.url, era="modern")
        world.tool("echo")
        world.publish()
        await call(world.token(), "tools/call", {"name": "gw0-echo"})
        teller.start()
        await until(lambda: bool(list(tmp_path.glob("*.upstreams.json"))))
        (file,) = tmp_path.glob("*.upstreams.json")
        neighbour = orjson.loads(file.read_bytes()) | {"process": "here:1"}
        neighbour["upstreams"][0] |= {"state": "unreachable", "reason": "down"}
        (tmp_path / "here-1.upstreams.json").write_bytes(orjson.dumps(neighbour))
        for number, other in enumerate(not_understood(neighbour), 2):
            (tmp_path / f"here-{number}.upstreams.json").write_bytes(other)
        answer = (await request(world.token(admin=True))).json
        await teller.stop()
        assert not file.exists()
    (told,) = answer["upstreams"]
    assert (told["answered"], told["total"]["count"], told["state"], told["reason"]) == (2, 2, "unreachable", "down")
    assert {entry["process"] for entry in told["processes"]} == {part["process"] for part in answer["processes"]}
    assert len(answer["processes"]) == 2


def not_understood(part: dict[str, Any]) -> Iterator[bytes]:
    """What a process of another release, or somebody else, may have left in the folder."""
    yield b"{"
    yield b"[" * 100_000
    yield b" " * (FILE_BYTES + 1)
    yield orjson.dumps(part)  # another's
    (upstream,) = part["upstreams"]
    changes: list[dict[str, Any]] = [
        {"edition": EDITION + 1},
        {"bounds_s": [1.0]},
        {"told_at": time.time() - GONE_AFTER_S - 1},
        {"upstreams": [{}]},
        {"upstreams": [upstream | {"total": upstream["total"] | {"counts": [1]}}]},
        {"upstreams": [upstream | {"answered": "7"}]},
    ]
    for number, change in enumerate(changes, 6):
        yield orjson.dumps(part | {"process": f"here:{number}"} | change)


def test_nothing_is_something_too() -> None:
    assert merged([])["upstreams"] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("kind", "begins"), [("gateway", ""), ("route", "route:"), ("agent", "agent:")])
async def test_asking_for_new_connections_reaches_every_process_and_is_audited(
    world: World, upstreams: UpstreamClient, monkeypatch: pytest.MonkeyPatch, kind: str, begins: str
) -> None:
    from auth_app.models import AuditEntry
    from gatewaysite.db.units import run_unit
    from tests import builders

    monkeypatch.setattr(observed, "run_unit", run_unit)
    rows = {
        "gateway": await asyncio.to_thread(builders.a_gateway, "demo"),
        "route": await asyncio.to_thread(builders.a_route, "demo"),
        "agent": await asyncio.to_thread(builders.an_agent, "demo"),
    }
    asked, other = rows[kind], rows["gateway" if kind != "gateway" else "route"]
    admin = world.token(admin=True)
    answer = await request(admin, "POST", f"{PATH}/{begins}{asked.pk.hex}/recreate")
    assert (answer.status, answer.json["everywhere"]) == (200, True)
    strangers = (f"{begins}{other.pk.hex}", f"server:{asked.pk.hex}", "route:", "127.0.0.1:80")
    assert [(await request(admin, "POST", f"{PATH}/{key}/recreate")).status for key in strangers] == [404] * 4

    def look() -> tuple[int, int, str, str, str]:
        entry = AuditEntry.objects.get()
        rows = [type(row)._default_manager.get(pk=row.pk).pool_epoch for row in (asked, other)]
        return rows[0], rows[1], entry.action, entry.object_kind, entry.object_id

    assert await run_unit(look) == (1, 0, f"{kind}.pool_recreated", f"{kind}s", asked.pk.hex)
