"""/livez, /readyz, /health and /metrics, and who may read them."""

import asyncio

import psycopg
import pytest
from django.db import OperationalError

from gatewaysite.asgi import application
from proxy_app.dataplane.health import Draining
from proxy_app.snapshot import keeper as keeper_module
from proxy_app.snapshot.keeper import Keeper, keeper
from tests.asgi_client import Answer, ask
from tests.dataplane.rpc import call
from tests.dataplane.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

# When to come back, not the same second for everybody.
SOON = ("2", "3", "4")


async def get(path: str, token: str | None = None) -> Answer:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await ask(application, "GET", path, headers=headers)


def fresh() -> None:
    keeper._checked_at = asyncio.get_running_loop().time()
    keeper.listening = True


def lose_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody_home(*args: object) -> None:
        raise OperationalError("connection refused") from psycopg.OperationalError("connection refused")

    del keeper.__dict__["check"]
    monkeypatch.setattr(keeper_module, "run_unit", nobody_home)


async def test_a_process_is_alive_whatever_else_is_wrong(world: World) -> None:
    answer = await get("/livez")
    assert (answer.status, answer.json) == (200, {"status": "alive"})


async def test_a_process_is_ready_once_it_has_a_snapshot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await get("/readyz")
    assert (answer.status, answer.json["reasons"], answer.headers["retry-after"]) == (503, ["no_snapshot"], "2")
    fresh()
    answer = await get("/readyz")
    assert (answer.status, answer.json["status"], answer.json["database"]) == (200, "ready", "answering")
    keeper.listening = False
    answer = await get("/readyz")
    assert (answer.status, answer.json["database"]) == (200, "not_answering")
    monkeypatch.setattr(Draining, "on", True)
    answer = await get("/ready")
    assert (answer.status, answer.json["reasons"]) == (503, ["draining"])


async def test_health_says_how_the_process_is_without_naming_what_is_registered(world: World) -> None:
    fresh()
    world.tool("secret-tool")
    world.token()
    world.publish()
    answer = await get("/health")
    assert (answer.status, answer.json["status"]) == (200, "healthy")
    assert answer.json["snapshot"]["registry_version"] > 0
    assert b"tokens" not in answer.body  # how much there is of anything is nobody's business
    assert answer.json["upstream"]["in_flight"] == 0
    assert b"secret-tool" not in answer.body
    assert b"secret-of" not in answer.body
    keeper.listening = False
    assert (await get("/healthz")).json["status"] == "degraded"


async def test_metrics_are_for_administrators(world: World) -> None:
    admin, person = world.token(admin=True), world.token()
    world.publish()
    assert (await get("/metrics")).status == 401
    assert (await get("/metrics", "wrong")).status == 401
    refused = await get("/metrics", person)
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    answer = await get("/metrics", admin)
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert b"\nhttp_client_active_requests 0.0\n" in answer.body


async def test_a_snapshot_that_was_never_loaded_does_not_look_fresh(world: World) -> None:
    admin = world.token(admin=True)
    world.publish()
    assert b"\ngateway_snapshot_age_seconds +Inf\n" in (await get("/metrics", admin)).body
    fresh()
    assert b"\ngateway_snapshot_age_seconds +Inf\n" not in (await get("/metrics", admin)).body


async def test_metrics_without_a_database_are_503_for_an_unknown_token(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_the_database(monkeypatch)
    answer = await get("/metrics", "unknown")
    assert (answer.status, answer.json["reason"], answer.headers["retry-after"] in SOON) == (
        503,
        "db_unavailable",
        True,
    )


async def test_without_a_database_a_live_token_works_and_an_unknown_one_is_not_called_bad(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.token()
    world.publish()
    lose_the_database(monkeypatch)
    assert (await call(token, "ping")).status == 200
    refused = await call("unknown", "ping")
    assert (refused.status, refused.headers["retry-after"] in SOON) == (503, True)
    assert refused.json["error"]["data"]["reason"] == "db_unavailable"


async def test_the_operations_a_client_invents_make_no_time_series(world: World) -> None:
    admin = world.token(admin=True)
    world.publish()
    await call(admin, "invented/method")
    await call(admin, "ping")
    text = (await get("/metrics", admin)).body
    assert b"invented" not in text
    assert b'mcp_server_operation_duration_seconds_count{mcp_method_name="ping",outcome="ok"}' in text
    assert b'mcp_method_name="other",outcome="rpc_error"' in text


async def test_guessing_tokens_costs_one_look_for_all_who_guess_at_once(world: World) -> None:
    world.publish()
    answers = await asyncio.gather(*(call(f"guess-{number}", "ping") for number in range(200)))
    assert {answer.status for answer in answers} == {401}
    assert world.looks < 20


def test_a_keeper_that_never_loaded_is_infinitely_old() -> None:
    assert Keeper().age_s == float("inf")
