"""A server that hangs up, stays away or refuses: what the pool hands out afterwards, and what the caller is told."""
# ruff: noqa: PT012 - what raises is the block as a whole

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import DataError, IntegrityError, OperationalError, ProgrammingError, connections, transaction
from django.db.transaction import TransactionManagementError
from psycopg_pool import ConnectionPool

from gatewaysite.db import options
from gatewaysite.db.failures import DatabaseReadOnly, DatabaseTimeout, as_refusal
from gatewaysite.db.handback import base
from gatewaysite.db.handback.base import DatabaseWrapper
from gatewaysite.errors import DatabaseDown, GatewayError, NotFound, PoolFull
from tests.db.pools import (
    ALIAS,
    a_bystander,
    a_pool,
    an_alias,
    backend_pid,
    in_thread,
    kill,
    out_of_pool,
    query,
    wait_until,
)


@pytest.fixture(autouse=True)
def expected_complaints(caplog: pytest.LogCaptureFixture) -> None:
    """The pool warns of each corpse; that is not the tests' business."""
    caplog.set_level(logging.ERROR, logger="psycopg.pool")


def pids_at_rest(connection: DatabaseWrapper) -> list[int]:
    with connection.pool.connection() as one, connection.pool.connection() as other:
        return [one.info.backend_pid, other.info.backend_pid]


# --- Killed backends -------------------------------------------------------------------------------------------------


def test_a_backend_killed_at_rest_is_not_handed_out(pooled: DatabaseWrapper) -> None:
    first = backend_pid(pooled)
    kill(first)
    kill(backend_pid(pooled))
    assert backend_pid(pooled) != first


def test_a_restart_that_killed_every_connection_costs_no_error_and_no_second(pooled: DatabaseWrapper) -> None:
    dead = pids_at_rest(pooled)
    for pid in dead:
        kill(pid)
    started = time.monotonic()
    assert backend_pid(pooled) not in dead
    assert time.monotonic() - started < 1
    pooled.pool.wait(timeout=5)
    assert not set(pids_at_rest(pooled)) & set(dead)


def test_a_backend_killed_in_a_block_fails_that_block_only(pooled: DatabaseWrapper, notes: str) -> None:
    with pytest.raises(OperationalError) as failure, transaction.atomic(using=ALIAS):
        query(pooled, "INSERT INTO notes VALUES ('lost')")
        pid = backend_pid(pooled)
        kill(pid)
        query(pooled, "SELECT 1")
    assert isinstance(as_refusal(failure.value), DatabaseDown)
    assert pooled.connection is None
    with transaction.atomic(using=ALIAS):
        assert backend_pid(pooled) != pid
        assert query(pooled, "SELECT count(*) FROM notes") == (0,)


def test_a_backend_killed_before_the_commit_fails_the_block_and_runs_no_hook(
    pooled: DatabaseWrapper, notes: str
) -> None:
    ran: list[str] = []
    with pytest.raises(OperationalError) as failure, transaction.atomic(using=ALIAS):
        query(pooled, "INSERT INTO notes VALUES ('lost')")
        transaction.on_commit(lambda: ran.append("hook"), using=ALIAS)
        kill(backend_pid(pooled))
    assert isinstance(as_refusal(failure.value), DatabaseDown)
    assert pooled.connection is None
    with transaction.atomic(using=ALIAS):
        query(pooled, "INSERT INTO notes VALUES ('kept')")
    assert ran == []
    assert query(pooled, "SELECT text FROM notes") == ("kept",)


def test_a_backend_killed_under_a_savepoint_fails_the_whole_block(pooled: DatabaseWrapper) -> None:
    with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
        pid = backend_pid(pooled)
        with transaction.atomic(using=ALIAS):
            kill(pid)
            query(pooled, "SELECT 1")
    assert pooled.connection is None
    assert backend_pid(pooled) != pid


def test_a_backend_killed_between_two_cursors_outside_a_block_is_dropped(pooled: DatabaseWrapper) -> None:
    with pooled.cursor() as outer:
        outer.execute("SELECT pg_backend_pid()")
        pid = outer.fetchone()[0]
        kill(pid)
        with pytest.raises(OperationalError):
            query(pooled, "SELECT 1")
    assert pooled.connection is None
    assert backend_pid(pooled) != pid


def test_a_backend_killed_under_a_server_side_iterator_is_dropped(pooled: DatabaseWrapper) -> None:
    rows = ContentType.objects.using(ALIAS).iterator(chunk_size=1)
    next(rows)
    kill(pooled.connection.info.backend_pid)
    with pytest.raises(OperationalError):
        list(rows)
    assert pooled.connection is None
    assert query(pooled, "SELECT 1") == (1,)


def test_a_backend_killed_in_a_manual_transaction_is_dropped_on_close(pooled: DatabaseWrapper) -> None:
    transaction.set_autocommit(False, using=ALIAS)
    pid = backend_pid(pooled)
    kill(pid)
    with pytest.raises(OperationalError):
        query(pooled, "SELECT 1")
    pooled.close()
    assert backend_pid(pooled) != pid


def test_a_backend_killed_while_pinned_is_dropped(pooled: DatabaseWrapper) -> None:
    with pooled.pinned():
        pid = backend_pid(pooled)
        kill(pid)
    assert pooled.connection is None
    assert backend_pid(pooled) != pid


# --- The check before lending ----------------------------------------------------------------------------------------


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that cost a round trip before they were lent."""
    probed: list[Any] = []
    probe = ConnectionPool.check_connection

    def noting_probe(connection: Any) -> None:
        probed.append(connection)
        probe(connection)

    monkeypatch.setattr(ConnectionPool, "check_connection", noting_probe)
    return probed


def test_a_connection_used_a_moment_ago_is_lent_without_a_round_trip(db: None, probes: list[Any]) -> None:
    with a_pool(min_size=1, max_size=1) as connection:
        query(connection, "SELECT 1")
        probes.clear()
        query(connection, "SELECT 1")
        assert probes == []


def test_a_connection_that_rested_for_long_is_probed_once(
    db: None, probes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_pool(min_size=1, max_size=1) as connection:
        query(connection, "SELECT 1")
        probes.clear()
        monkeypatch.setattr(options, "PROBE_AFTER_S", -1)
        query(connection, "SELECT 1")
        assert len(probes) == 1


def test_a_connection_with_a_message_waiting_is_probed_and_kept(db: None, probes: list[Any]) -> None:
    with a_pool(min_size=1, max_size=1) as connection, a_bystander() as bystander:
        with connection.pool.connection() as raw:
            raw.execute("LISTEN news")
        pid = backend_pid(connection)
        bystander.execute("NOTIFY news")
        time.sleep(0.05)
        probes.clear()
        assert backend_pid(connection) == pid
        assert backend_pid(connection) == pid
        assert len(probes) == 1


def test_the_corpses_of_one_restart_drain_the_pool_once(
    pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    drained: list[float] = []
    drain = pooled.pool.drain

    def noting_drain() -> None:
        drained.append(time.monotonic())
        drain()

    monkeypatch.setattr(pooled.pool, "drain", noting_drain)
    with pooled.pool.connection() as one, pooled.pool.connection() as other:
        for corpse in (one, other):
            kill(corpse.info.backend_pid)
        for corpse in (one, other):
            with pytest.raises(psycopg.OperationalError):
                options.check_if_idle(corpse)
    assert len(drained) == 1


def test_without_the_check_a_corpse_would_be_handed_out(db: None) -> None:
    with a_pool(min_size=1, max_size=1, check=None) as connection:
        kill(backend_pid(connection))
        with pytest.raises(OperationalError):
            query(connection, "SELECT 1")


# --- What the caller is told -----------------------------------------------------------------------------------------


def refusal_of(connection: Any, *statements: str) -> GatewayError | None:
    """The translated failure of the last of some statements in one block."""
    with pytest.raises(Exception) as failure, transaction.atomic(using=ALIAS):  # noqa: PT011
        for statement in statements:
            query(connection, statement)
    return as_refusal(failure.value)


def test_a_full_pool_is_pool_full_after_its_timeout(db: None) -> None:
    with a_pool(min_size=1, max_size=1, timeout=0.2) as connection, transaction.atomic(using=ALIAS):
        with pytest.raises(OperationalError) as failure:
            in_thread(lambda: query(connections[ALIAS], "SELECT 1"))
        refusal = as_refusal(failure.value)
        assert isinstance(refusal, PoolFull)
        assert (refusal.status, refusal.reason) == (503, "db_pool_full")
        assert refusal.retry_after_s in range(1, 4)
        assert query(connection, "SELECT 1") == (1,)


def test_a_full_waiting_line_of_the_pool_is_pool_full(db: None) -> None:
    def ask() -> Any:
        return query(connections[ALIAS], "SELECT 1")

    with a_pool(min_size=1, max_size=1, timeout=5, max_waiting=1) as connection, ThreadPoolExecutor(1) as other:
        with transaction.atomic(using=ALIAS):
            waiting = other.submit(ask)
            wait_until(lambda: connection.pool.get_stats()["requests_waiting"] == 1)
            with pytest.raises(OperationalError) as failure:
                in_thread(ask)
        assert isinstance(as_refusal(failure.value), PoolFull)
        assert waiting.result() == (1,)


def test_a_server_that_is_not_there_is_database_down(db: None) -> None:
    with an_alias(pool={"min_size": 0, "max_size": 2, "timeout": 0.3}, PORT=1) as connection:
        with pytest.raises(OperationalError) as failure:
            query(connection, "SELECT 1")
        refusal = as_refusal(failure.value)
        assert isinstance(refusal, DatabaseDown)
        assert (refusal.status, refusal.reason) == (503, "db_unavailable")
        connection.close_pool()
        # The alias is used by other tests, whose server is there.
        base._outages.clear()


def test_in_an_outage_one_borrower_waits_and_the_others_are_refused_at_once(db: None) -> None:
    """The outage is a pool that knocks at the wrong port, its end the right one."""

    def ask() -> float:
        started = time.monotonic()
        with pytest.raises(OperationalError) as failure:
            query(connections[ALIAS], "SELECT 1")
        assert isinstance(as_refusal(failure.value), DatabaseDown)
        return time.monotonic() - started

    with an_alias(pool={"min_size": 0, "max_size": 2, "timeout": 0.5}) as connection, ThreadPoolExecutor(4) as threads:
        params = connection.pool.kwargs
        connection.pool.kwargs = params | {"port": 1}
        ask()
        refused_early, *_, waited = sorted(threads.map(lambda _: ask(), range(4)))
        assert refused_early < 0.1
        assert waited > 0.4
        connection.pool.kwargs = params
        wait_until(lambda: answers(connection))
        assert all(threads.map(lambda _: answers(connections[ALIAS]), range(4)))
        connection.close_pool()


def answers(connection: Any) -> bool:
    try:
        return bool(query(connection, "SELECT 1") == (1,))
    except OperationalError:
        return False


def test_a_server_that_is_not_there_is_database_down_without_a_pool(db: None) -> None:
    with an_alias(PORT=1) as connection, pytest.raises(OperationalError) as failure:
        query(connection, "SELECT 1")
    assert isinstance(as_refusal(failure.value), DatabaseDown)


def test_a_closed_pool_is_database_down(pooled: DatabaseWrapper) -> None:
    pooled.pool.close()
    with pytest.raises(OperationalError) as failure:
        query(pooled, "SELECT 1")
    assert isinstance(as_refusal(failure.value), DatabaseDown)


def test_a_block_that_stands_still_until_the_server_hangs_up_is_a_timeout(pooled: DatabaseWrapper) -> None:
    with pytest.raises(Exception) as failure, transaction.atomic(using=ALIAS):  # noqa: PT011
        query(pooled, "SET LOCAL idle_in_transaction_session_timeout = '20ms'")
        time.sleep(0.2)
        query(pooled, "SELECT 1")
    assert isinstance(as_refusal(failure.value), DatabaseTimeout)
    assert query(pooled, "SELECT 1") == (1,)


def test_no_connection_waits_long_for_a_server_the_network_lost(pooled: DatabaseWrapper) -> None:
    with pooled.pool.connection() as connection:
        asked_for = connection.info.get_parameters()
    assert int(asked_for["tcp_user_timeout"]) <= 15_000
    idle, interval, count = (int(asked_for[f"keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert idle + interval * count <= 15


def test_a_statement_that_takes_too_long_is_a_timeout(pooled: DatabaseWrapper) -> None:
    refusal = refusal_of(pooled, "SET LOCAL statement_timeout = '20ms'", "SELECT pg_sleep(5)")
    assert isinstance(refusal, DatabaseTimeout)
    assert (refusal.status, refusal.reason) == (503, "db_timeout")
    assert out_of_pool(pooled) == 0


def test_a_lock_that_takes_too_long_is_a_timeout(pooled: DatabaseWrapper, notes: str) -> None:
    with a_bystander() as bystander, bystander.transaction():
        bystander.execute("LOCK TABLE notes")
        refusal = refusal_of(pooled, "SET LOCAL lock_timeout = '20ms'", "SELECT * FROM notes")
    assert isinstance(refusal, DatabaseTimeout)


def test_a_write_to_a_read_only_database_is_read_only(pooled: DatabaseWrapper, notes: str) -> None:
    refusal = refusal_of(pooled, "SET TRANSACTION READ ONLY", "INSERT INTO notes VALUES ('refused')")
    assert isinstance(refusal, DatabaseReadOnly)
    assert refusal.reason == "db_read_only"


@pytest.mark.parametrize("code", ["08006", "57P01", "57P02", "57P03", "53300"])
def test_a_server_that_says_it_is_going_or_full_is_database_down(pooled: DatabaseWrapper, code: str) -> None:
    refusal = refusal_of(pooled, f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")
    assert isinstance(refusal, DatabaseDown)


def test_a_failure_found_late_in_a_broken_block_keeps_its_meaning(pooled: DatabaseWrapper) -> None:
    with pytest.raises(TransactionManagementError) as failure, transaction.atomic(using=ALIAS):
        query(pooled, "SET LOCAL statement_timeout = '20ms'")
        with suppress(OperationalError), transaction.mark_for_rollback_on_error(using=ALIAS):
            query(pooled, "SELECT pg_sleep(5)")
        query(pooled, "SELECT 1")
    assert isinstance(as_refusal(failure.value), DatabaseTimeout)


@pytest.mark.parametrize(
    ("error", "statement"),
    [
        (ProgrammingError, "SELECT nonsense"),
        (DataError, "SELECT 1 / 0"),
        (IntegrityError, "INSERT INTO notes VALUES ('twice'), ('twice'); SET CONSTRAINTS ALL IMMEDIATE"),
    ],
)
def test_an_error_of_the_code_is_no_refusal(
    pooled: DatabaseWrapper, notes: str, error: type[Exception], statement: str
) -> None:
    with pytest.raises(error) as failure, transaction.atomic(using=ALIAS):
        query(pooled, statement)
    assert as_refusal(failure.value) is None


def test_what_is_not_the_databases_is_no_refusal() -> None:
    assert as_refusal(ValueError("x")) is None
    assert as_refusal(NotFound()) is None
    assert as_refusal(OperationalError("raised by hand, without a cause")) is None
