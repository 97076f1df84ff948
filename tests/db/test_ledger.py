"""Who holds a connection, and whether this task or thread does."""

import asyncio
import os
import threading
from contextlib import nullcontext
from contextvars import Context
from threading import Event, Thread

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import ProgrammingError, connections, transaction

from gatewaysite import context
from gatewaysite.context import RequestContext
from gatewaysite.db import ledger
from gatewaysite.db.handback.base import DatabaseWrapper
from gatewaysite.db.units import take_back_from_the_dead
from tests.db.pools import ALIAS, in_thread, out_of_pool, query


def holds() -> list[ledger.Hold]:
    return [hold for hold in ledger.held() if hold.holder.alias == ALIAS]


async def held_on_the_loop() -> bool:
    await asyncio.sleep(0)
    return bool(ledger.mine())


def test_a_hold_says_who_since_when_and_where(pooled: DatabaseWrapper) -> None:
    token = context.current.set(RequestContext(request_id="r-1", route="api-tools"))
    try:
        with transaction.atomic(using=ALIAS):
            (hold,) = holds()
    finally:
        context.current.reset(token)
    assert hold.request == RequestContext("r-1", "api-tools")
    assert hold.site.startswith(__file__)
    assert hold.site.endswith("test_a_hold_says_who_since_when_and_where")
    assert 0 <= hold.seconds < 5
    assert holds() == []


def test_the_site_of_an_orm_query_is_the_line_that_ran_it(pooled: DatabaseWrapper) -> None:
    with pooled.pinned():
        query(pooled, "SELECT 1")
        (hold,) = holds()
    # The helper that runs the query is a test's, so it is the asking code.
    assert "tests/db/pools.py" in hold.site


def test_a_hold_tells_time_in_statements_from_time_idle(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        query(pooled, "SELECT pg_sleep(0.05)")
        (hold,) = holds()
        busy_s = hold.busy_s
        Event().wait(0.05)
        assert hold.busy_s == busy_s >= 0.05
        assert hold.idle_s >= 0.04
        assert hold.rests_s >= 0.04
        assert hold.statements == 1
        assert str(hold.sql) == "SELECT pg_sleep(0.05)"
    assert hold.busy_s > busy_s, "ending the transaction is busy time too"
    assert hold.statements == 1


def test_a_statement_that_runs_is_no_idle_time(pooled: DatabaseWrapper) -> None:
    seen: list[tuple[float, float, bool]] = []

    def look() -> None:
        Event().wait(0.05)
        (hold,) = holds()
        seen.append((hold.idle_s, hold.rests_s, bool(hold.running_since)))

    watcher = Thread(target=look)
    with pooled.pinned():
        watcher.start()
        query(pooled, "SELECT pg_sleep(0.2)")
    watcher.join()
    ((idle_s, rests_s, running),) = seen
    assert (rests_s, running) == (0.0, True)
    assert idle_s < 0.05


@pytest.mark.parametrize(
    ("sql", "phase"),
    [("SELECT 1", "load"), ("UPDATE django_content_type SET model = model WHERE false", "write")],
)
def test_a_unit_that_changes_something_writes(pooled: DatabaseWrapper, sql: str, phase: str) -> None:
    with transaction.atomic(using=ALIAS), pooled.cursor() as cursor:
        (hold,) = holds()
        cursor.execute(sql)
        cursor.execute("SELECT 1")
        assert str(hold.phase) == phase


def test_a_copy_is_time_in_statements(pooled: DatabaseWrapper) -> None:
    with pooled.cursor() as cursor:
        (hold,) = holds()
        with cursor.copy("COPY (SELECT 1) TO STDOUT") as copy:
            assert hold.running_since
            assert list(copy.rows())
        assert hold.running_since == 0
        assert hold.statements == 1


def test_a_statement_that_fails_has_ended(pooled: DatabaseWrapper) -> None:
    with pooled.cursor() as cursor:
        (hold,) = holds()
        with pytest.raises(ProgrammingError):
            cursor.execute("SELECT nothing_of_that_name")
        assert hold.running_since == 0


def test_the_backend_is_known_by_its_number(pooled: DatabaseWrapper) -> None:
    with pooled.cursor() as cursor:
        (hold,) = holds()
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() == (hold.backend_pid,)


def test_who_waits_for_a_connection_is_listed_with_its_line(pooled: DatabaseWrapper) -> None:
    size = pooled.pool.max_size
    done, ready = Event(), [Event() for _ in range(size)]

    def hold_until_done(began: Event) -> None:
        with transaction.atomic(using=ALIAS):
            began.set()
            done.wait(5)

    threads = [Thread(target=hold_until_done, args=(event,)) for event in ready]
    for thread in threads:
        thread.start()
    for event in ready:
        assert event.wait(5)
    late = Thread(target=hold_until_done, args=(Event(),))
    late.start()
    for _ in range(500):
        if waits := ledger.waiting():
            break
        Event().wait(0.01)
    ((wait, for_what),) = waits
    assert (for_what, wait.function) == ("connection", "hold_until_done")
    done.set()
    for thread in (*threads, late):
        thread.join()
    assert ledger.waiting() == []


def test_whoever_wants_to_know_is_told_of_every_return(
    pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[ledger.Hold] = []
    monkeypatch.setattr(ledger, "on_return", [ended.append])
    query(pooled, "SELECT 1")
    with transaction.atomic(using=ALIAS):
        query(pooled, "SELECT 1")
        query(pooled, "SELECT 1")
    assert [hold.statements for hold in ended] == [1, 2]


def test_an_observer_that_fails_keeps_no_connection(
    pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_seen: object) -> None:
        raise RuntimeError("a full disk, say")

    monkeypatch.setattr(ledger, "on_return", [fail])
    monkeypatch.setattr(ledger, "on_wait", [fail])
    monkeypatch.setattr(ledger, "AT_ONCE_S", 0)
    for _ in range(pooled.pool.max_size + 1):
        assert query(pooled, "SELECT 1") == (1,)
    assert out_of_pool(pooled) == 0
    assert "an observer of connections failed" in caplog.text


def test_portions_of_a_server_side_cursor_are_time_in_statements(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS), pooled.chunked_cursor() as cursor:
        (hold,) = holds()
        cursor.execute("SELECT pg_sleep(0.05) FROM generate_series(1, 2)")
        before = hold.busy_s
        assert len(cursor.fetchmany(2)) == 2
        assert hold.busy_s - before >= 0.09


@pytest.mark.parametrize("in_block", [True, False])
def test_a_hold_remembers_whether_it_was_a_transaction(
    pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch, in_block: bool
) -> None:
    ended: list[bool] = []
    monkeypatch.setattr(ledger, "on_return", [lambda hold: ended.append(hold.was_in_transaction)])
    with transaction.atomic(using=ALIAS) if in_block else nullcontext():
        query(pooled, "SELECT 1")
    assert ended == [in_block]


def die_holding() -> None:
    """A thread ends in the middle of a transaction, and nobody cleans up behind it."""
    thread = Thread(target=lambda: transaction.atomic(using=ALIAS).__enter__())
    thread.start()
    thread.join()


def test_a_new_thread_is_not_blamed_for_a_dead_one_with_its_number(pooled: DatabaseWrapper) -> None:
    die_holding()
    (left,) = holds()
    here = ledger._by_thread.setdefault(threading.get_ident(), [])
    here.append(left)  # as the system gives numbers again
    assert ledger.mine() == []
    here.remove(left)
    take_back_from_the_dead()
    assert holds() == []


def test_what_a_dead_thread_held_is_taken_back(pooled: DatabaseWrapper, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(pooled.pool.max_size + 1):
        die_holding()
        take_back_from_the_dead()
    assert holds() == []
    assert query(pooled, "SELECT 1") == (1,)
    assert "a thread ended with a connection in its hands" in caplog.text


def test_what_a_living_thread_holds_is_its_own(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        take_back_from_the_dead()
        assert query(pooled, "SELECT 1") == (1,)
        assert len(holds()) == 1


def test_a_child_of_a_fork_holds_nothing(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        pid = os.fork()
        if pid == 0:
            os._exit(len(ledger.held()) + len(ledger.mine()))
        assert os.waitpid(pid, 0)[1] == 0
        assert len(holds()) == 1


def test_holds_are_listed_longest_first(pooled: DatabaseWrapper) -> None:
    ready, done = Event(), Event()

    def hold_until_done() -> None:
        with transaction.atomic(using=ALIAS):
            ready.set()
            done.wait(5)

    thread = Thread(target=hold_until_done)
    thread.start()
    ready.wait(5)
    with transaction.atomic(using=ALIAS):
        first, second = holds()
        done.set()
        thread.join()
    assert first.thread is thread
    assert first.since < second.since


def test_a_thread_knows_its_own_hold_and_not_anothers(pooled: DatabaseWrapper) -> None:
    assert not bool(ledger.mine())
    with transaction.atomic(using=ALIAS):
        assert bool(ledger.mine())
        assert in_thread(ledger.mine) == []
    assert not bool(ledger.mine())


def test_a_hold_of_the_thread_is_seen_from_a_context_that_knows_nothing_of_it(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        assert len(Context().run(ledger.mine)) == 1


def test_a_long_lived_context_does_not_collect_what_was_given_back(pooled: DatabaseWrapper) -> None:
    for _ in range(5):
        query(pooled, "SELECT 1")
    assert len(ledger._mine.get()) == 1


def test_an_open_cursor_a_pin_and_a_manual_transaction_are_holds(pooled: DatabaseWrapper) -> None:
    with pooled.cursor():
        assert bool(ledger.mine())
    with pooled.pinned():
        query(pooled, "SELECT 1")
        assert bool(ledger.mine())
    transaction.set_autocommit(False, using=ALIAS)
    assert bool(ledger.mine())
    transaction.set_autocommit(True, using=ALIAS)
    assert not bool(ledger.mine())


def test_an_on_commit_hook_still_holds(pooled: DatabaseWrapper) -> None:
    seen: list[bool] = []
    with transaction.atomic(using=ALIAS):
        transaction.on_commit(lambda: seen.append(bool(ledger.mine())), using=ALIAS)
    assert seen == [True]


def test_a_coroutine_called_from_a_block_is_told_that_its_caller_holds(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        assert async_to_sync(held_on_the_loop)() is True
    assert async_to_sync(held_on_the_loop)() is False


@pytest.mark.anyio
async def test_the_loop_is_told_of_a_unit_that_waits_for_it(pooled: DatabaseWrapper) -> None:
    loop = asyncio.get_running_loop()

    def unit() -> bool:
        with transaction.atomic(using=ALIAS):
            return asyncio.run_coroutine_threadsafe(held_on_the_loop(), loop).result(5)

    assert await asyncio.to_thread(unit) is True
    assert not bool(ledger.mine())


@pytest.mark.anyio
async def test_a_task_is_not_told_of_what_another_task_holds(pooled: DatabaseWrapper) -> None:
    ready, done = Event(), Event()

    def unit() -> None:
        with transaction.atomic(using=ALIAS):
            ready.set()
            done.wait(5)

    other = asyncio.create_task(asyncio.to_thread(unit))
    await asyncio.to_thread(ready.wait, 5)
    assert out_of_pool(pooled) == 1
    assert not bool(ledger.mine())
    done.set()
    await other


@pytest.mark.anyio
async def test_a_task_knows_of_a_transaction_left_open_in_its_thread(pooled: DatabaseWrapper) -> None:
    await sync_to_async(transaction.set_autocommit)(False, using=ALIAS)
    assert bool(ledger.mine())
    await sync_to_async(transaction.set_autocommit)(True, using=ALIAS)
    assert not bool(ledger.mine())


@pytest.mark.anyio
async def test_a_task_started_from_a_block_is_free_when_the_block_ends(pooled: DatabaseWrapper) -> None:
    loop, started = asyncio.get_running_loop(), Event()
    children: list[asyncio.Task[bool]] = []

    async def child() -> bool:
        held = bool(ledger.mine())
        started.set()
        await ended.wait()
        return held and not bool(ledger.mine())

    def unit() -> None:
        with transaction.atomic(using=ALIAS):
            loop.call_soon_threadsafe(lambda: children.append(loop.create_task(child())))
            started.wait(5)

    ended = asyncio.Event()
    await asyncio.to_thread(unit)
    ended.set()
    assert await children[0] is True


@pytest.mark.django_db
def test_a_test_cases_own_transaction_does_not_count() -> None:
    connection = connections["default"]
    assert connection.in_atomic_block
    assert not bool(ledger.mine())
    with transaction.atomic():
        assert bool(ledger.mine())
    assert not bool(ledger.mine())
