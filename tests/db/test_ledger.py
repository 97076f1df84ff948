"""Who holds a connection, and whether this task or thread does."""

import asyncio
from contextvars import Context
from threading import Event, Thread

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connections, transaction

from gatewaysite import context
from gatewaysite.context import RequestContext
from gatewaysite.db import ledger
from gatewaysite.db.handback.base import DatabaseWrapper
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
    assert first.thread_id == thread.ident
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
