"""GET /ops/connections: who holds a connection, as JSON, for administrators' tokens."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pytest_django import Settings

from gatewaysite.asgi import application
from proxy_app.observe.board import board
from proxy_app.registry.openapi import build
from tests.asgi_client import Answer, ask
from tests.dataplane.world import World
from tests.observe.xrays import a_part, a_wait, held_long, held_now, some_holds

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

PATH = "/ops/connections"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings: Settings) -> None:
    settings.RUN_DIR = tmp_path


async def get(token: str | None, method: str = "GET") -> Answer:
    return await ask(application, method, PATH, headers={"authorization": f"Bearer {token}"} if token else {})


async def test_it_is_for_administrators_tokens(world: World) -> None:
    assert [(await get(token)).status for token in (None, "made-up", world.token(), world.token(admin=True))] == [
        401, 401, 403, 200,
    ]  # fmt: skip


async def test_it_is_only_read(world: World) -> None:
    token = world.token(admin=True)
    answer = await get(token, "POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = await get(token, "HEAD")
    assert (answer.status, answer.body) == (200, b"")


async def test_the_answer_is_what_the_document_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    part = a_part(
        holds=[held_now(broken="over_budget"), held_now()],
        waits=[a_wait()],
        longest=[held_long()],
        routes=[some_holds("x", up_to_5_ms=1)],
        violations=[{"route": "a", "phase": "render", "action": "counted", "count": 1}],
    )
    monkeypatch.setattr(board, "parts", lambda: [part])
    answer = await get(world.token(admin=True))
    document = json.loads(json.dumps(build()))
    schemas = document["components"]["schemas"]
    for name in ("Xray", "HeldNow", "HeldLong", "Waiting", "ProcessNow", "RouteCost", "BrokenRules"):
        schemas[name]["additionalProperties"] = False
    responses = document["paths"][PATH]["get"]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": {"schemas": schemas}}).validate(answer.json)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert [hold["broken"] for hold in answer.json["holds"]] == ["over_budget", None]


async def test_it_answers_while_the_loops_own_threads_all_wait(world: World) -> None:
    release = threading.Event()
    loop = asyncio.get_running_loop()
    before = loop._default_executor  # type: ignore[attr-defined]
    few = ThreadPoolExecutor(1)
    loop.set_default_executor(few)
    try:
        waiting = loop.run_in_executor(None, release.wait, 20)
        assert (await get(world.token(admin=True))).status == 200
        assert not waiting.done()
        release.set()
        await waiting
    finally:
        release.set()
        loop._default_executor = before  # type: ignore[attr-defined]
        few.shutdown()
