"""A connection outside `atomic`: cursors, iterators, manual autocommit, threads and async callers."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import sync_to_async
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, IntegrityError, InterfaceError, ProgrammingError, connections, transaction
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext

from gatewaysite.db import ledger
from gatewaysite.db.handback.base import DatabaseWrapper
from tests.db.pools import ALIAS, a_bystander, a_pool, backend_pid, in_thread, out_of_pool, query

TYPES = ContentType.objects.using(ALIAS).order_by("pk")


def test_a_query_outside_a_block_gives_back_at_once(pooled: DatabaseWrapper) -> None:
    assert query(pooled, "SELECT 1") == (1,)
    assert pooled.connection is None
    assert out_of_pool(pooled) == 0


def test_orm_queries_give_back_at_once(pooled: DatabaseWrapper) -> None:
    assert list(TYPES)
    assert TYPES.exists()
    assert TYPES.count() == len(TYPES)
    assert TYPES.first() == TYPES[0]
    assert list(TYPES.raw("SELECT * FROM django_content_type"))
    assert out_of_pool(pooled) == 0


def test_the_connection_stays_until_the_last_of_several_cursors_closes(pooled: DatabaseWrapper) -> None:
    first, second = pooled.cursor(), pooled.cursor()
    first.close()
    assert out_of_pool(pooled) == 1
    second.close()
    assert out_of_pool(pooled) == 0


def test_a_cursor_left_open_across_a_block_keeps_the_connection(pooled: DatabaseWrapper) -> None:
    with pooled.cursor() as cursor:
        cursor.execute("SELECT 5")
        with transaction.atomic(using=ALIAS):
            query(pooled, "SELECT 1")
        assert cursor.fetchone() == (5,)
        assert out_of_pool(pooled) == 1
    assert out_of_pool(pooled) == 0


def test_a_failure_between_borrowing_and_the_cursor_gives_back(pooled: DatabaseWrapper) -> None:
    def refuse(**_: object) -> None:
        raise LookupError("in a signal receiver")

    connection_created.connect(refuse)
    try:
        with pytest.raises(LookupError):
            pooled.cursor()
        with pytest.raises(LookupError), transaction.atomic(using=ALIAS):
            pass
    finally:
        connection_created.disconnect(refuse)
    assert out_of_pool(pooled) == 0


def test_a_statement_that_fails_gives_back(pooled: DatabaseWrapper, notes: str) -> None:
    with pytest.raises(ProgrammingError):
        query(pooled, "SELECT nonsense")
    with pytest.raises(IntegrityError):
        query(pooled, "INSERT INTO notes VALUES ('twice'), ('twice')")
    assert out_of_pool(pooled) == 0
    assert query(pooled, "SELECT count(*) FROM notes") == (0,)


def test_a_cursor_dropped_without_closing_gives_back(pooled: DatabaseWrapper) -> None:
    pooled.cursor().execute("SELECT 1")
    assert out_of_pool(pooled) == 0


def test_a_debug_cursor_gives_back_and_logs_its_query(pooled: DatabaseWrapper) -> None:
    pooled.force_debug_cursor = True
    query(pooled, "SELECT 17")
    assert [entry["sql"] for entry in pooled.queries] == ["SELECT 17"]
    assert out_of_pool(pooled) == 0


def test_a_copy_goes_through_one_cursor_and_gives_back(pooled: DatabaseWrapper) -> None:
    with pooled.cursor() as cursor, cursor.copy("COPY (SELECT 1) TO STDOUT") as copy:
        assert b"".join(copy) == b"1\n"
    assert out_of_pool(pooled) == 0


def test_a_cursor_closed_twice_does_not_give_back_under_the_next_one(pooled: DatabaseWrapper) -> None:
    early = pooled.cursor()
    early.close()
    with pooled.cursor() as late:
        early.close()
        late.execute("SELECT 1")
        assert late.fetchone() == (1,)
        assert out_of_pool(pooled) == 1


def test_a_cursor_that_outlived_its_connection_does_not_end_the_next_ones_use(pooled: DatabaseWrapper) -> None:
    stale = pooled.cursor()
    pooled.close()
    with pooled.cursor() as late:
        stale.close()
        late.execute("SELECT 1")
        assert out_of_pool(pooled) == 1
    assert out_of_pool(pooled) == 0


def test_asking_for_the_state_borrows_nothing(pooled: DatabaseWrapper) -> None:
    assert pooled.get_autocommit() is True
    assert transaction.savepoint_create(using=ALIAS) is None
    transaction.commit(using=ALIAS)
    transaction.set_autocommit(True, using=ALIAS)
    assert out_of_pool(pooled) == 0
    assert pooled.pool.get_stats().get("requests_num", 0) == 0


# --- Server-side iterators -------------------------------------------------------------------------------------------


def open_portals(connection: DatabaseWrapper) -> int:
    """Server-side cursors left in any session of the pool."""
    total = 0
    with connection.pool.connection() as one, connection.pool.connection() as other:
        for session in (one, other):
            total += session.execute("SELECT count(*) FROM pg_cursors WHERE name <> ''").fetchone()[0]
    return total


def test_an_exhausted_server_side_iterator_gives_back(pooled: DatabaseWrapper) -> None:
    assert [row.pk for row in TYPES.iterator(chunk_size=1)] == [row.pk for row in TYPES]
    assert out_of_pool(pooled) == 0
    assert open_portals(pooled) == 0


def test_a_closed_server_side_iterator_gives_back(pooled: DatabaseWrapper) -> None:
    rows = TYPES.iterator(chunk_size=1)
    next(rows)
    assert out_of_pool(pooled) == 1
    rows.close()  # type: ignore[attr-defined]
    assert out_of_pool(pooled) == 0
    assert open_portals(pooled) == 0


def test_a_dropped_server_side_iterator_gives_back(pooled: DatabaseWrapper) -> None:
    rows = TYPES.iterator(chunk_size=1)
    next(rows)
    del rows
    gc.collect()
    assert out_of_pool(pooled) == 0
    assert open_portals(pooled) == 0


def test_an_iterator_lets_other_queries_of_its_thread_share_the_connection(pooled: DatabaseWrapper) -> None:
    rows = TYPES.iterator(chunk_size=1)
    first = next(rows)
    assert TYPES.get(pk=first.pk) == first
    assert out_of_pool(pooled) == 1
    assert len(list(rows)) == TYPES.count() - 1
    assert out_of_pool(pooled) == 0


def test_an_iterator_in_a_block_is_closed_by_the_end_of_the_block(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        rows = TYPES.iterator(chunk_size=1)
        next(rows)
    del rows
    gc.collect()
    assert out_of_pool(pooled) == 0
    assert open_portals(pooled) == 0


def test_an_iterator_left_open_cannot_read_on_the_next_borrowers_connection(pooled: DatabaseWrapper) -> None:
    rows = TYPES.iterator(chunk_size=1)
    next(rows)
    pooled.close()
    assert open_portals(pooled) == 0
    with pytest.raises(InterfaceError, match="closed"):
        next(rows)


def test_a_generator_that_the_collector_ends_in_another_thread_is_given_back_by_its_owner(
    pooled: DatabaseWrapper,
) -> None:
    last_reference = [TYPES.iterator(chunk_size=1)]
    next(last_reference[0])
    in_thread(last_reference.clear)
    assert out_of_pool(pooled) == 1
    query(pooled, "SELECT 1")
    assert out_of_pool(pooled) == 0


def test_a_cursor_that_the_collector_drops_in_another_thread_is_given_back_by_its_owner(
    pooled: DatabaseWrapper,
) -> None:
    cursor = pooled.chunked_cursor()
    cursor.execute("SELECT generate_series(1, 9)")
    last_reference = [cursor]
    del cursor
    # As in the middle of a long query: the collector's thread, which may be the event loop's, must not wait for it.
    with pooled.connection.lock:
        in_thread(last_reference.clear)
    assert out_of_pool(pooled) == 1
    query(pooled, "SELECT 1")
    assert out_of_pool(pooled) == 0
    assert open_portals(pooled) == 0


# --- Manual autocommit and pinned ------------------------------------------------------------------------------------


def test_manual_transactions_keep_the_connection_until_autocommit_is_back(pooled: DatabaseWrapper, notes: str) -> None:
    transaction.set_autocommit(False, using=ALIAS)
    pid = backend_pid(pooled)
    query(pooled, "INSERT INTO notes VALUES ('lost')")
    transaction.rollback(using=ALIAS)
    query(pooled, "INSERT INTO notes VALUES ('kept')")
    transaction.commit(using=ALIAS)
    assert backend_pid(pooled) == pid
    assert out_of_pool(pooled) == 1
    transaction.rollback(using=ALIAS)
    transaction.set_autocommit(True, using=ALIAS)
    assert out_of_pool(pooled) == 0
    assert query(pooled, "SELECT string_agg(text, ',') FROM notes") == ("kept",)


def test_closing_ends_a_manual_transaction_for_good(pooled: DatabaseWrapper, notes: str) -> None:
    transaction.set_autocommit(False, using=ALIAS)
    query(pooled, "INSERT INTO notes VALUES ('lost')")
    pooled.close()
    assert pooled.get_autocommit() is True
    assert query(pooled, "SELECT count(*) FROM notes") == (0,)
    assert out_of_pool(pooled) == 0


def test_pinned_keeps_one_session_from_its_first_query_to_its_end(pooled: DatabaseWrapper) -> None:
    with pooled.pinned():
        assert out_of_pool(pooled) == 0
        query(pooled, "SET work_mem = '77MB'")
        with transaction.atomic(using=ALIAS), pooled.pinned():
            query(pooled, "CREATE TEMPORARY TABLE scratch (n int)")
        assert query(pooled, "SHOW work_mem") == ("77MB",)
        assert query(pooled, "SELECT count(*) FROM scratch") == (0,)
        assert out_of_pool(pooled) == 1
    assert out_of_pool(pooled) == 0


def test_what_a_pinned_block_did_to_its_session_is_undone(pooled: DatabaseWrapper) -> None:
    with pooled.pinned():
        pid = backend_pid(pooled)
        for statement in (
            "SET work_mem = '77MB'",
            "SET TIME ZONE 'Asia/Tokyo'",
            "CREATE TEMPORARY TABLE scratch (n int)",
            "LISTEN anything",
            "SELECT pg_advisory_lock(42)",
        ):
            query(pooled, statement)
    with pooled.pool.connection() as one, pooled.pool.connection() as other:
        session = one if one.info.backend_pid == pid else other
        assert session.info.backend_pid == pid
        assert session.execute("SHOW work_mem").fetchone() != ("77MB",)
        assert session.execute("SHOW TimeZone").fetchone() == ("UTC",)
        assert session.execute("SHOW statement_timeout").fetchone() == ("15s",)
        assert session.execute("SELECT to_regclass('scratch')").fetchone() == (None,)
        assert session.execute("SELECT count(*) FROM pg_listening_channels()").fetchone() == (0,)
        assert session.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


def test_pinned_inside_a_block_waits_for_the_block(pooled: DatabaseWrapper, notes: str) -> None:
    with transaction.atomic(using=ALIAS):
        with pooled.pinned():
            query(pooled, "SET work_mem = '77MB'")
        query(pooled, "INSERT INTO notes VALUES ('kept')")
        assert out_of_pool(pooled) == 1
    assert out_of_pool(pooled) == 0
    assert query(pooled, "SELECT text FROM notes") == ("kept",)
    assert query(pooled, "SHOW work_mem") != ("77MB",)


def test_a_session_closed_in_the_middle_of_a_pinned_transaction_is_not_lent_again(pooled: DatabaseWrapper) -> None:
    with pooled.pinned(), transaction.atomic(using=ALIAS):
        pid = backend_pid(pooled)
        pooled.close()
    pooled.pool.wait()
    with pooled.pool.connection() as one, pooled.pool.connection() as other:
        assert pid not in (one.info.backend_pid, other.info.backend_pid)


def test_a_second_session_of_a_pinned_block_is_washed_too(db: None) -> None:
    with a_pool(min_size=1, max_size=1) as connection:
        with connection.pinned():
            query(connection, "SET work_mem = '77MB'")
            connection.close()
            assert query(connection, "SHOW work_mem") != ("77MB",)
            query(connection, "SET work_mem = '88MB'")
        assert query(connection, "SHOW work_mem") != ("88MB",)


def test_pinned_without_a_query_borrows_nothing(pooled: DatabaseWrapper) -> None:
    with pooled.pinned():
        pass
    assert pooled.pool.get_stats().get("requests_num", 0) == 0


# --- Threads and async callers ---------------------------------------------------------------------------------------


def test_a_wrapper_used_in_the_wrong_thread_is_refused_and_borrows_nothing(pooled: DatabaseWrapper) -> None:
    with pytest.raises(DatabaseError, match="thread"):
        in_thread(pooled.cursor)
    assert out_of_pool(pooled) == 0


def test_a_shared_wrapper_keeps_its_connection_until_sharing_ends(pooled: DatabaseWrapper) -> None:
    pooled.inc_thread_sharing()
    try:
        pids = {backend_pid(pooled), in_thread(lambda: backend_pid(pooled)), backend_pid(pooled)}
        assert len(pids) == 1
        assert out_of_pool(pooled) == 1
    finally:
        pooled.dec_thread_sharing()
    query(pooled, "SELECT 1")
    assert out_of_pool(pooled) == 0


@pytest.mark.anyio
async def test_async_callers_give_back_between_their_queries(pooled: DatabaseWrapper) -> None:
    assert await TYPES.acount() == len([row async for row in TYPES])
    assert out_of_pool(pooled) == 0
    assert not ledger.mine()


@pytest.mark.anyio
async def test_an_async_iterator_holds_until_its_end(pooled: DatabaseWrapper) -> None:
    lent = {out_of_pool(pooled) async for _ in TYPES.aiterator(chunk_size=1)}
    assert lent <= {0, 1}
    assert 1 in lent
    assert out_of_pool(pooled) == 0


@pytest.mark.anyio
async def test_a_block_under_sync_to_async_gives_back(pooled: DatabaseWrapper) -> None:
    @sync_to_async
    @transaction.atomic(using=ALIAS)
    def unit() -> tuple[int, int]:
        return query(connections[ALIAS], "SELECT 5")[0], out_of_pool(pooled)

    assert await unit() == (5, 1)
    assert out_of_pool(pooled) == 0


@pytest.mark.anyio
async def test_the_event_loop_itself_is_refused_and_borrows_nothing(pooled: DatabaseWrapper) -> None:
    with pytest.raises(SynchronousOnlyOperation):
        pooled.cursor()
    with pytest.raises(SynchronousOnlyOperation), transaction.atomic(using=ALIAS):
        pass
    assert out_of_pool(pooled) == 0


def test_many_threads_share_a_pool_of_two(pooled: DatabaseWrapper, notes: str) -> None:
    def work(number: int) -> int:
        own = connections[ALIAS]
        for step in range(20):
            with transaction.atomic(using=ALIAS):
                query(own, "INSERT INTO notes VALUES (%s)", f"{number}-{step}")
            query(own, "SELECT pg_sleep(0.001)")
            next(TYPES.iterator(chunk_size=1))
        assert ledger.count(ALIAS) <= 2
        return 0 if own.connection is None else 1

    with ThreadPoolExecutor(16) as threads:
        left_open = sum(threads.map(work, range(16)))
    assert left_open == 0
    assert out_of_pool(pooled) == 0
    assert pooled.pool.get_stats()["pool_size"] == 2
    with a_bystander() as bystander:
        assert bystander.execute("SELECT count(*) FROM notes").fetchone() == (320,)


def test_a_copy_is_among_the_queries_that_are_logged(pooled: DatabaseWrapper) -> None:
    statement = "COPY (SELECT 1) TO STDOUT"
    with CaptureQueriesContext(pooled) as seen, pooled.cursor() as cursor, cursor.copy(statement) as copy:
        assert b"".join(copy) == b"1\n"
    assert [query["sql"] for query in seen.captured_queries] == [statement]
