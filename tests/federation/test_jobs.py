"""Registrations and refreshes as jobs: in the caller's transaction, one at a time, and not lost with a process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from django.db import connection, transaction
from procrastinate import JobContext, PsycopgConnector
from procrastinate.contrib.django import app
from pytest_django import Settings

from gatewaysite.db.units import run_unit
from gatewaysite.errors import PoolFull
from proxy_app.federation import sync, tasks, work, worker
from proxy_app.federation.tasks import rescue_stalled_jobs
from proxy_app.federation.work import defer_sync
from proxy_app.federation.worker import JobWorker
from proxy_app.models import Gateway, Tool
from tests.builders import a_gateway
from tests.committed import database_url
from tests.federation.offering import a_tool, offering
from tests.scripted_mcp import Call, ScriptedMcp

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


@pytest.fixture(autouse=True)
def _short_waits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATABASE_DIRECT_URL = database_url()
    monkeypatch.setattr(worker, "STOP_WITHIN_S", 0.4)
    monkeypatch.setitem(app.worker_defaults, "fetch_job_polling_interval", 0.1)


@asynccontextmanager
async def working() -> AsyncIterator[JobWorker]:
    job_worker = JobWorker()
    job_worker.start()
    try:
        yield job_worker
    finally:
        await job_worker.stop()


def jobs() -> list[tuple[str, int]]:
    """(status, attempts) of every job of a gateway, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT status, attempts FROM procrastinate_jobs WHERE task_name = 'sync_gateway' ORDER BY id")
        return cursor.fetchall()


async def until(wanted: Callable[[], Any], within_s: float = 8) -> Any:
    """What a look into the database gives once it is true."""
    give_up_at = time.monotonic() + within_s
    while not (found := await asyncio.to_thread(wanted)):
        assert time.monotonic() < give_up_at, "it did not happen in time"
        await asyncio.sleep(0.02)
    return found


async def new_gateway(url: str) -> Gateway:
    return await asyncio.to_thread(a_gateway, url=url, status="pending")


async def defer(gateway_id: UUID) -> bool:
    return await asyncio.to_thread(defer_sync, gateway_id)


def test_a_job_is_there_when_the_callers_transaction_is_and_not_otherwise() -> None:
    gateway = a_gateway()
    with transaction.atomic():
        assert defer_sync(gateway.id)
        transaction.set_rollback(True)
    assert jobs() == []
    with transaction.atomic():
        assert defer_sync(gateway.id)
    assert jobs() == [("todo", 0)]


def test_a_second_job_of_a_gateway_is_not_enqueued_and_spoils_nothing() -> None:
    first, second = a_gateway("first"), a_gateway("second")
    with transaction.atomic():
        assert defer_sync(first.id)
        assert not defer_sync(first.id)
        assert defer_sync(second.id)
        Gateway.objects.filter(pk=first.pk).update(description="written after the clash")
    first.refresh_from_db()
    assert first.description == "written after the clash"
    assert jobs() == [("todo", 0), ("todo", 0)]


async def test_a_gateway_is_registered_by_its_job() -> None:
    async with ScriptedMcp(offering({"tools": [a_tool("echo")]}), handshake=False) as upstream:
        gateway = await new_gateway(upstream.url)
        await defer(gateway.id)
        async with working():
            await until(lambda: Gateway.objects.get().status == "active")
            await until(lambda: jobs() == [])
    assert await Tool.objects.acount() == 1


async def test_jobs_of_one_gateway_never_run_at_once_and_those_of_two_do() -> None:
    running: dict[str, int] = {}
    most: dict[str, int] = {"both": 0}
    release = asyncio.Event()

    def slow(name: str) -> Any:
        async def answer(call: Call) -> None:
            running[name] = running.get(name, 0) + 1
            most[name] = max(most.get(name, 0), running[name])
            most["both"] = max(most["both"], sum(running.values()))
            await release.wait()
            running[name] -= 1
            await call.result({"tools": []})

        return offering({}, capabilities={"tools": {}}, instead={"tools/list": answer})

    async with ScriptedMcp(slow("a"), handshake=False) as a, ScriptedMcp(slow("b"), handshake=False) as b:
        first, second = await new_gateway(a.url), await new_gateway(b.url)
        await defer(first.id)
        await defer(second.id)
        async with working(), working():
            await until(lambda: most["both"] == 2)
            assert await defer(first.id)  # one runs: one more may wait
            assert not await defer(first.id)
            await asyncio.sleep(0.2)
            release.set()
            await until(lambda: jobs() == [], within_s=12)
    assert most == {"a": 1, "b": 1, "both": 2}
    assert len(a.asked("tools/list")) == 2


async def test_a_bug_of_ours_is_said_on_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(work, "finish_sync", broken)
    async with ScriptedMcp(offering({}), handshake=False) as upstream:
        gateway = await new_gateway(upstream.url)
        await defer(gateway.id)
        async with working():
            await until(lambda: Gateway.objects.get().status == "failed")
            await until(lambda: jobs() == [("failed", 1)])
    await gateway.arefresh_from_db()
    assert (gateway.last_error, gateway.sync_step) == ("internal_error", "")


async def test_a_job_our_database_could_not_take_is_done_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "RETRY_AFTER_S", 0)
    refusals = [PoolFull(), PoolFull()]  # the job's own, and that of saying so on the row

    async def refused(*args: Any) -> Any:
        if refusals and args[0] in (work.finish_sync, work.fail_sync):
            raise refusals.pop()
        return await run_unit(*args)

    monkeypatch.setattr(sync, "run_unit", refused)
    monkeypatch.setattr(tasks, "run_unit", refused)
    async with ScriptedMcp(offering({"tools": [a_tool("echo")]}), handshake=False) as upstream:
        gateway = await new_gateway(upstream.url)
        await defer(gateway.id)
        async with working():
            await until(lambda: Gateway.objects.get().status == "active")
            await until(lambda: jobs() == [])
    assert (refusals, len(upstream.asked("tools/list"))) == ([], 2)


async def test_a_job_stopped_with_its_process_is_done_by_the_next() -> None:
    hang = True
    reached = asyncio.Event()

    async def list_tools(call: Call) -> None:
        reached.set()
        if hang:
            await call.wait_for_hang_up()
        else:
            await call.result({"tools": [a_tool("echo")]})

    script = offering({}, capabilities={"tools": {}}, instead={"tools/list": list_tools})
    async with ScriptedMcp(script, handshake=False) as upstream:
        gateway = await new_gateway(upstream.url)
        await defer(gateway.id)
        async with working():
            await asyncio.wait_for(reached.wait(), 8)
        assert await asyncio.to_thread(jobs) == [("todo", 1)]
        hang = False
        async with working():
            await until(lambda: Gateway.objects.get().status == "active")
    assert await Tool.objects.acount() == 1


def the_process_died() -> None:
    """As kill -9 leaves it: the job seems to run, and its worker was forgotten."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL WHERE status = 'todo'")


async def rescue() -> None:
    connector = PsycopgConnector(conninfo=database_url(), min_size=1, max_size=1)
    async with app.with_connector(connector).open_async() as opened:
        await rescue_stalled_jobs(cast(JobContext, SimpleNamespace(app=opened)), timestamp=0)


async def test_a_job_whose_process_died_is_run_again() -> None:
    async with ScriptedMcp(offering({"tools": [a_tool("echo")]}), handshake=False) as upstream:
        gateway = await new_gateway(upstream.url)
        await defer(gateway.id)
        await asyncio.to_thread(the_process_died)
        await rescue()
        assert await asyncio.to_thread(jobs) == [("todo", 1)]
        async with working():
            await until(lambda: Gateway.objects.get().status == "active")


async def test_a_dead_job_makes_way_for_the_one_that_waits_behind_it() -> None:
    stuck, other = await new_gateway("http://127.0.0.1:9/"), await asyncio.to_thread(a_gateway)
    await defer(stuck.id)
    await asyncio.to_thread(the_process_died)
    assert await defer(stuck.id)
    await defer(other.id)
    await asyncio.to_thread(lambda: the_process_died_for(other.id))
    await rescue()
    assert sorted(await asyncio.to_thread(jobs)) == [("todo", 0), ("todo", 1)]


def the_process_died_for(gateway_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL WHERE lock = %s",
            [f"gateway:{gateway_id.hex}"],
        )


async def test_a_job_whose_process_lives_is_left_alone() -> None:
    reached, release = asyncio.Event(), asyncio.Event()

    async def list_tools(call: Call) -> None:
        reached.set()
        await release.wait()
        await call.result({"tools": []})

    script = offering({}, capabilities={"tools": {}}, instead={"tools/list": list_tools})
    async with ScriptedMcp(script, handshake=False) as upstream:
        gateway = await new_gateway(upstream.url)
        await defer(gateway.id)
        async with working():
            await asyncio.wait_for(reached.wait(), 8)
            await rescue()
            assert await asyncio.to_thread(jobs) == [("doing", 0)]
            release.set()
            await until(lambda: Gateway.objects.get().status == "active")
    assert len(upstream.asked("tools/list")) == 1


async def test_a_worker_that_loses_the_database_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "RESTART_AFTER_S", 0.1)

    def cut() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'poolgate jobs' AND datname = current_database()"
                # The minute's own job may be running: the library reports what it could not store of it.
                " AND NOT EXISTS (SELECT FROM procrastinate_jobs)"
            )
            return int(cursor.fetchone()[0])

    async with ScriptedMcp(offering({"tools": [a_tool("echo")]}), handshake=False) as upstream, working():
        await until(cut)
        gateway = await new_gateway(upstream.url)
        await defer(gateway.id)
        await until(lambda: Gateway.objects.get().status == "active", within_s=12)


async def test_a_worker_that_starts_without_a_database_works_as_soon_as_there_is_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "RESTART_AFTER_S", 0.1)
    url, settings.DATABASE_DIRECT_URL = settings.DATABASE_DIRECT_URL, "postgresql://nobody@127.0.0.1:1/nowhere"
    async with ScriptedMcp(offering({"tools": [a_tool("echo")]}), handshake=False) as upstream, working():
        gateway = await new_gateway(upstream.url)
        await defer(gateway.id)
        await asyncio.sleep(0.3)
        settings.DATABASE_DIRECT_URL = url
        await until(lambda: Gateway.objects.get().status == "active", within_s=5)


async def test_a_process_may_leave_the_jobs_to_others(settings: Settings) -> None:
    settings.JOB_CONCURRENCY = 0
    async with working() as job_worker:
        assert job_worker._task is None


def test_the_tasks_are_known_by_name_to_every_process() -> None:
    assert app.tasks["sync_gateway"] is tasks.sync_gateway_job
    assert app.tasks["rescue_stalled_jobs"] is tasks.rescue_stalled_jobs
