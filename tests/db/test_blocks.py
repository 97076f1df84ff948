"""A connection inside and after `atomic` blocks."""
# ruff: noqa: PT012 - what raises is the block as a whole

import logging

import pytest
from django.db import IntegrityError, OperationalError, ProgrammingError, connections, transaction
from django.db.transaction import TransactionManagementError

from gatewaysite.db.handback.base import DatabaseWrapper
from tests.db.pools import ALIAS, a_bystander, backend_pid, out_of_pool, query


def write(text: str) -> None:
    query(connections[ALIAS], "INSERT INTO notes VALUES (%s)", text)


def written() -> list[str]:
    """What is committed, read from outside."""
    with a_bystander() as bystander:
        return [row[0] for row in bystander.execute("SELECT text FROM notes ORDER BY text")]


def test_the_connection_goes_back_when_the_block_ends(pooled: DatabaseWrapper, notes: str) -> None:
    with transaction.atomic(using=ALIAS):
        write("kept")
        assert out_of_pool(pooled) == 1
    assert out_of_pool(pooled) == 0
    assert pooled.connection is None
    assert written() == ["kept"]


def test_an_empty_block_gives_its_connection_back(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        assert out_of_pool(pooled) == 1
    assert out_of_pool(pooled) == 0


def test_nested_blocks_share_one_connection_until_the_outermost_ends(pooled: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        outer = backend_pid(pooled)
        with transaction.atomic(using=ALIAS), transaction.atomic(using=ALIAS, savepoint=False):
            assert backend_pid(pooled) == outer
        assert out_of_pool(pooled) == 1
        assert backend_pid(pooled) == outer
    assert out_of_pool(pooled) == 0


def test_an_inner_block_that_fails_undoes_only_itself(pooled: DatabaseWrapper, notes: str) -> None:
    with transaction.atomic(using=ALIAS):
        write("outer")
        with pytest.raises(ValueError, match="inner"), transaction.atomic(using=ALIAS):
            write("inner")
            raise ValueError("inner")
        assert out_of_pool(pooled) == 1
        write("after")
    assert written() == ["after", "outer"]
    assert out_of_pool(pooled) == 0


def test_savepoints_made_by_hand_are_kept_and_undone(pooled: DatabaseWrapper, notes: str) -> None:
    with transaction.atomic(using=ALIAS):
        write("a")
        undone = transaction.savepoint_create(using=ALIAS)
        write("b")
        transaction.savepoint_rollback(undone, using=ALIAS)
        kept = transaction.savepoint_create(using=ALIAS)
        write("c")
        transaction.savepoint_commit(kept, using=ALIAS)
    assert written() == ["a", "c"]
    assert out_of_pool(pooled) == 0


def test_a_block_left_by_an_exception_is_rolled_back_and_gives_back(pooled: DatabaseWrapper, notes: str) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=ALIAS):
        write("lost")
        raise ZeroDivisionError
    assert written() == []
    assert out_of_pool(pooled) == 0


def test_a_block_marked_for_rollback_writes_nothing_and_gives_back(pooled: DatabaseWrapper, notes: str) -> None:
    with transaction.atomic(using=ALIAS):
        write("lost")
        transaction.set_rollback(True, using=ALIAS)
    assert written() == []
    assert out_of_pool(pooled) == 0


def test_a_caught_database_error_breaks_the_block_as_in_django(pooled: DatabaseWrapper, notes: str) -> None:
    with transaction.atomic(using=ALIAS):
        with pytest.raises(ProgrammingError), transaction.atomic(using=ALIAS, savepoint=False):
            query(pooled, "SELECT nonsense")
        with pytest.raises(TransactionManagementError):
            write("refused")
    assert out_of_pool(pooled) == 0
    assert written() == []


def test_a_commit_that_fails_gives_back_and_the_next_block_works(pooled: DatabaseWrapper, notes: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(using=ALIAS):
        write("twice")
        write("twice")
    assert out_of_pool(pooled) == 0
    with transaction.atomic(using=ALIAS):
        write("once")
    assert written() == ["once"]


def test_a_durable_block_inside_a_block_is_refused_and_the_outer_one_goes_on(
    pooled: DatabaseWrapper, notes: str
) -> None:
    with transaction.atomic(using=ALIAS, durable=True):
        write("outer")
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic(using=ALIAS, durable=True):
            pass
    assert written() == ["outer"]
    assert out_of_pool(pooled) == 0


def test_durable_blocks_may_follow_each_other(pooled: DatabaseWrapper, notes: str) -> None:
    for text in ("one", "two"):
        with transaction.atomic(using=ALIAS, durable=True):
            write(text)
    assert written() == ["one", "two"]


def test_closing_the_connection_in_a_block_ends_its_use_there_and_only_there(
    pooled: DatabaseWrapper, notes: str
) -> None:
    with transaction.atomic(using=ALIAS):
        write("lost")
        pooled.close()
        assert out_of_pool(pooled) == 0
        with pytest.raises(ProgrammingError, match="atomic"):
            pooled.get_autocommit()
        with pytest.raises(ProgrammingError, match="atomic"):
            write("refused")
    with transaction.atomic(using=ALIAS):
        write("next")
    assert written() == ["next"]
    assert out_of_pool(pooled) == 0


def test_a_block_under_manual_autocommit_leaves_the_commit_to_the_caller(pooled: DatabaseWrapper, notes: str) -> None:
    transaction.set_autocommit(False, using=ALIAS)
    with transaction.atomic(using=ALIAS):
        write("kept")
    assert written() == []
    assert out_of_pool(pooled) == 1
    transaction.commit(using=ALIAS)
    transaction.set_autocommit(True, using=ALIAS)
    assert written() == ["kept"]
    assert out_of_pool(pooled) == 0


# --- on_commit -------------------------------------------------------------------------------------------------------


def on_commit(hook: object, *, robust: bool = False) -> None:
    transaction.on_commit(hook, using=ALIAS, robust=robust)  # type: ignore[arg-type]


def test_hooks_run_after_the_commit_and_before_the_connection_goes_back(pooled: DatabaseWrapper, notes: str) -> None:
    seen: list[tuple[list[str], int]] = []
    with transaction.atomic(using=ALIAS):
        write("kept")
        on_commit(lambda: seen.append((written(), out_of_pool(pooled))))
    assert seen == [(["kept"], 1)]
    assert out_of_pool(pooled) == 0


def test_a_hook_may_query_and_open_blocks_on_the_same_connection(pooled: DatabaseWrapper, notes: str) -> None:
    pids: list[int] = []

    def hook() -> None:
        pids.append(backend_pid(pooled))
        with transaction.atomic(using=ALIAS):
            write("by the hook")
        pids.append(backend_pid(pooled))

    with transaction.atomic(using=ALIAS):
        pids.append(backend_pid(pooled))
        on_commit(hook)
    assert written() == ["by the hook"]
    assert len(set(pids)) == 1
    assert out_of_pool(pooled) == 0


def test_hooks_registered_in_a_hooks_block_run_when_that_block_ends(pooled: DatabaseWrapper) -> None:
    order: list[str] = []

    def first() -> None:
        with transaction.atomic(using=ALIAS):
            on_commit(lambda: order.append("inner"))
            order.append("in block")
        order.append("first")

    with transaction.atomic(using=ALIAS):
        on_commit(first)
        on_commit(lambda: order.append("second"))
    assert order == ["in block", "inner", "first", "second"]
    assert out_of_pool(pooled) == 0


def test_a_hook_registered_outside_a_block_runs_at_once_and_borrows_nothing(pooled: DatabaseWrapper) -> None:
    lent: list[int] = []
    on_commit(lambda: lent.append(out_of_pool(pooled)))
    assert lent == [0]


def test_a_raising_hook_ends_the_later_ones_and_gives_back(pooled: DatabaseWrapper, notes: str) -> None:
    ran: list[str] = []

    def fail() -> None:
        raise LookupError("hook")

    with pytest.raises(LookupError, match="hook"), transaction.atomic(using=ALIAS):
        write("committed all the same")
        on_commit(lambda: ran.append("before"))
        on_commit(fail)
        on_commit(lambda: ran.append("after"))
    assert out_of_pool(pooled) == 0
    with transaction.atomic(using=ALIAS):
        on_commit(lambda: ran.append("next block"))
    assert ran == ["before", "next block"]
    assert written() == ["committed all the same"]
    assert out_of_pool(pooled) == 0


def test_a_robust_hook_that_raises_is_logged_and_the_later_ones_run(
    pooled: DatabaseWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    def fail() -> None:
        raise LookupError("robust hook")

    with caplog.at_level(logging.ERROR, logger="django.db.backends.base"), transaction.atomic(using=ALIAS):
        on_commit(fail, robust=True)
        on_commit(lambda: ran.append("after"))
    assert ran == ["after"]
    assert "robust hook" in caplog.text
    assert out_of_pool(pooled) == 0


def test_hooks_of_what_was_rolled_back_never_run(pooled: DatabaseWrapper) -> None:
    ran: list[str] = []
    with transaction.atomic(using=ALIAS):
        with pytest.raises(ValueError, match="inner"), transaction.atomic(using=ALIAS):
            on_commit(lambda: ran.append("inner"))
            raise ValueError("inner")
        on_commit(lambda: ran.append("outer"))
    with pytest.raises(ValueError, match="whole"), transaction.atomic(using=ALIAS):
        on_commit(lambda: ran.append("lost"))
        raise ValueError("whole")
    with transaction.atomic(using=ALIAS):
        pass
    assert ran == ["outer"]


def test_a_hook_that_loses_its_connection_leaves_a_working_pool(pooled: DatabaseWrapper) -> None:
    def hook() -> None:
        with a_bystander() as bystander:
            bystander.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        query(pooled, "SELECT 1")

    with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
        pid = backend_pid(pooled)
        on_commit(hook)
    assert pooled.connection is None
    assert backend_pid(pooled) != pid
