"""run_unit: the threads, the line in front of them, and what happens to those who leave."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from gatewaysite.db import units
from gatewaysite.db.handback.base import DatabaseWrapper
from gatewaysite.db.units import close_pool, pool_stats, run_unit, start_units, stop_units, unit_stats
from gatewaysite.errors import PoolFull
from tests.db.pools import ALIAS, out_of_pool, query

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def small_line(settings: Settings) -> Iterator[None]:
    """Two threads, two places in the line, half a second of patience."""
    units._line = None
    settings.DB_POOL_MAX, settings.DB_POOL_MAX_WAITING, settings.DB_POOL_TIMEOUT = 2, 2, 0.5
    yield
    asyncio.run(stop_units())


class Gate:
    """A unit that waits until the test lets it go, and counts how often it ran."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.runs = 0

    def unit(self, answer: str = "done") -> str:
        self.runs += 1
        assert self.open.wait(10)
        return answer


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not happened():
            await asyncio.sleep(0.001)


async def busy_line(gate: Gate, waiting: int = 0) -> list[asyncio.Task[str]]:
    """Both threads busy, and so many units in the line behind them."""
    tasks = [asyncio.create_task(run_unit(gate.unit)) for _ in range(2 + waiting)]
    await until(lambda: (unit_stats()["running"], unit_stats()["waiting"]) == (2, waiting))
    return tasks


async def outcome(task: Awaitable[str]) -> str | BaseException:
    return (await asyncio.gather(task, return_exceptions=True))[0]


async def test_a_unit_runs_in_a_thread_and_its_result_comes_back() -> None:
    def unit(a: int, *, b: int) -> tuple[int, bool]:
        return a + b, threading.current_thread() is threading.main_thread()

    assert await run_unit(unit, 2, b=3) == (5, False)


async def test_a_units_exception_comes_back() -> None:
    def unit() -> None:
        raise LookupError("from the unit")

    with pytest.raises(LookupError, match="from the unit"):
        await run_unit(unit)
    assert unit_stats()["running"] == 0


async def test_the_unit_sees_the_callers_context_and_keeps_its_own_changes() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    variable.set("the caller's")

    def unit() -> str:
        seen = variable.get()
        variable.set("the unit's")
        return seen

    assert await run_unit(unit) == "the caller's"
    assert variable.get() == "the caller's"


async def test_there_are_as_many_threads_as_the_pool_has_connections() -> None:
    gate = Gate()
    tasks = await busy_line(gate, waiting=2)
    assert gate.runs == 2
    assert sum(thread.name.startswith("unit") for thread in threading.enumerate()) == 2
    gate.open.set()
    assert await asyncio.gather(*tasks) == ["done"] * 4


async def test_no_thread_starts_before_the_first_unit() -> None:
    def unit_threads() -> int:
        return sum(thread.name.startswith("unit") for thread in threading.enumerate())

    assert unit_stats() == {"running": 0, "waiting": 0, "refused_total": 0, "timeouts_total": 0}
    start_units()
    assert unit_threads() == 0
    await run_unit(int)
    assert unit_threads() == 1


async def test_past_the_lines_end_a_unit_is_refused_at_once() -> None:
    gate = Gate()
    tasks = await busy_line(gate, waiting=2)
    with pytest.raises(PoolFull) as refusal:
        await run_unit(gate.unit)
    assert (refusal.value.status, refusal.value.reason) == (503, "db_pool_full")
    assert refusal.value.retry_after_s in range(1, 4)
    assert unit_stats() == {"running": 2, "waiting": 2, "refused_total": 1, "timeouts_total": 0}
    gate.open.set()
    await asyncio.gather(*tasks)
    assert await run_unit(gate.unit) == "done"


async def test_a_unit_that_waits_too_long_is_refused_and_never_runs() -> None:
    gate, late = Gate(), Gate()
    tasks = await busy_line(gate)
    with pytest.raises(PoolFull):
        await run_unit(late.unit)
    assert unit_stats() == {"running": 2, "waiting": 0, "refused_total": 0, "timeouts_total": 1}
    gate.open.set()
    await asyncio.gather(*tasks)
    await run_unit(int)
    assert late.runs == 0


async def test_patience_is_for_the_line_and_not_for_the_work(settings: Settings) -> None:
    settings.DB_POOL_TIMEOUT = 0.05
    gate = Gate()
    tasks = await busy_line(gate)
    await asyncio.sleep(0.15)
    gate.open.set()
    assert await asyncio.gather(*tasks) == ["done", "done"]


async def test_a_unit_that_got_its_turn_in_time_may_take_longer() -> None:
    first, second = Gate(), Gate()
    tasks = await busy_line(first)
    behind = asyncio.create_task(run_unit(second.unit, "late but done"))
    await until(lambda: unit_stats()["waiting"] == 1)
    first.open.set()
    await asyncio.gather(*tasks)
    await until(lambda: second.runs == 1)
    await asyncio.sleep(0.6)
    second.open.set()
    assert await behind == "late but done"


async def test_a_caller_cancelled_in_the_line_leaves_it_and_its_unit_never_runs() -> None:
    gate, left = Gate(), Gate()
    tasks = await busy_line(gate)
    leaving = [asyncio.create_task(run_unit(left.unit)) for _ in range(2)]
    await until(lambda: unit_stats()["waiting"] == 2)
    for task in leaving:
        task.cancel()
    assert all([isinstance(await outcome(task), asyncio.CancelledError) for task in leaving])
    assert unit_stats()["waiting"] == 0
    # Their places are free again while both threads are still busy.
    followers = [asyncio.create_task(run_unit(gate.unit)) for _ in range(2)]
    await until(lambda: unit_stats()["waiting"] == 2)
    gate.open.set()
    assert await asyncio.gather(*tasks, *followers) == ["done"] * 4
    assert left.runs == 0
    assert unit_stats() == {"running": 0, "waiting": 0, "refused_total": 0, "timeouts_total": 0}


async def test_a_unit_that_runs_when_its_caller_leaves_finishes_and_gives_back(pooled: DatabaseWrapper) -> None:
    gate = Gate()

    def unit() -> None:
        with transaction.atomic(using=ALIAS):
            query(connections[ALIAS], "SELECT 1")
            gate.unit()

    task = asyncio.create_task(run_unit(unit))
    await until(lambda: gate.runs == 1)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)  # type: ignore[arg-type]
    assert unit_stats()["running"] == 1
    assert out_of_pool(pooled) == 1
    gate.open.set()
    await until(lambda: unit_stats()["running"] == 0)
    assert out_of_pool(pooled) == 0


async def test_the_failure_of_a_unit_whose_caller_left_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()

    def unit() -> None:
        gate.unit()
        raise LookupError("nobody is there to hear it")

    task = asyncio.create_task(run_unit(unit))
    await until(lambda: gate.runs == 1)
    task.cancel()
    await outcome(task)  # type: ignore[arg-type]
    gate.open.set()
    await until(lambda: "nobody is there to hear it" in caplog.text)


async def test_random_departures_leave_the_line_empty_and_working() -> None:
    gate = Gate()
    gate.open.set()
    for round_ in range(60):
        tasks = [asyncio.create_task(run_unit(gate.unit)) for _ in range(4)]
        for _ in range(round_ % 5):
            await asyncio.sleep(0)
        for task in tasks[round_ % 3 :]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await until(lambda: unit_stats()["running"] == unit_stats()["waiting"] == 0)
    assert await asyncio.gather(*[run_unit(gate.unit) for _ in range(4)]) == ["done"] * 4


async def test_stopping_lets_the_units_finish_and_a_later_one_starts_anew() -> None:
    gate = Gate()
    tasks = await busy_line(gate, waiting=1)
    stopping = asyncio.create_task(stop_units())
    await asyncio.sleep(0.01)
    assert not stopping.done()
    gate.open.set()
    await stopping
    assert await asyncio.gather(*tasks) == ["done"] * 3
    assert await run_unit(gate.unit) == "done"


async def test_what_a_unit_forgot_to_close_is_taken_back_and_reported(
    pooled: DatabaseWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    def forgetful() -> None:
        transaction.atomic(using=ALIAS).__enter__()

    with caplog.at_level(logging.ERROR, logger="gatewaysite.db.units"):
        await run_unit(forgetful)
    assert "still held" in caplog.text
    assert out_of_pool(pooled) == 0
    assert await run_unit(lambda: query(connections[ALIAS], "SELECT 1")) == (1,)


async def test_many_units_on_a_pool_of_two_never_wait_inside_it(
    pooled: DatabaseWrapper, notes: str, settings: Settings
) -> None:
    settings.DB_POOL_MAX_WAITING = 200

    def unit(number: int) -> None:
        with transaction.atomic(using=ALIAS, durable=True):
            query(connections[ALIAS], "INSERT INTO notes VALUES (%s)", str(number))

    await asyncio.gather(*[run_unit(unit, number) for number in range(100)])
    assert await run_unit(lambda: query(connections[ALIAS], "SELECT count(*) FROM notes")) == (100,)
    assert pooled.pool.get_stats().get("requests_queued", 0) == 0


def test_a_forked_child_makes_threads_of_its_own() -> None:
    script = """
import asyncio, os, warnings
from django.conf import settings
settings.configure(DB_POOL_MAX=2, DB_POOL_MAX_WAITING=2, DB_POOL_TIMEOUT=5)
from gatewaysite.db.units import run_unit
async def main():
    return await asyncio.wait_for(run_unit(os.getpid), 5)
assert asyncio.run(main()) == os.getpid()
warnings.simplefilter("ignore")
child = os.fork()
if not child:
    os._exit(0 if asyncio.run(main()) == os.getpid() else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()


# --- The pool behind them --------------------------------------------------------------------------------------------


@pytest.fixture
def default_pool(db: None) -> Iterator[None]:
    """The default alias without a pool before and after."""
    connections["default"].close()
    close_pool()
    yield
    connections["default"].close()
    close_pool()


def test_stats_before_the_first_use_are_empty_and_open_nothing(default_pool: None) -> None:
    assert pool_stats() == {}
    assert connections["default"].get_autocommit()
    assert pool_stats() == {}


def test_stats_are_psycopgs_own_and_borrow_nothing(default_pool: None) -> None:
    query(connections["default"], "SELECT 1")
    stats = pool_stats()
    assert stats["pool_max"] == connections["default"].settings_dict["OPTIONS"]["pool"]["max_size"]
    assert pool_stats()["requests_num"] == stats["requests_num"] == 1


def test_a_closed_pool_is_made_anew_when_needed(default_pool: None) -> None:
    query(connections["default"], "SELECT 1")
    close_pool()
    assert pool_stats() == {}
    assert query(connections["default"], "SELECT 2") == (2,)
