"""Without OPTIONS["pool"], or with autocommit off, the engine is Django's."""

from typing import Any

from django.db import transaction
from django.db.backends.postgresql import base as stock
from django.db.backends.utils import CursorWrapper

from gatewaysite.db import ledger
from gatewaysite.db.handback.base import DatabaseWrapper
from tests.db.pools import ALIAS, an_alias, backend_pid, query


def life_of(connection: Any) -> list[Any]:
    """What a caller can see of a connection's life: the same for two engines that behave the same."""
    seen: list[Any] = [connection.connection is None]
    pid = backend_pid(connection)
    seen.append(connection.connection is None)
    with transaction.atomic(using=ALIAS):
        query(connection, "SET work_mem = '77MB'")
        transaction.on_commit(lambda: seen.append(connection.connection is None), using=ALIAS)
        seen.append(backend_pid(connection) == pid)
    seen += [connection.connection is None, query(connection, "SHOW work_mem"), backend_pid(connection) == pid]
    with connection.cursor() as cursor:
        seen += [type(cursor), connection.get_autocommit()]
    transaction.set_autocommit(False, using=ALIAS)
    seen.append(connection.get_autocommit())
    transaction.set_autocommit(True, using=ALIAS)
    seen.append(backend_pid(connection) == pid)
    connection.close()
    return [*seen, connection.connection is None, connection.get_autocommit(), connection.connection is None]


def test_a_connection_without_a_pool_lives_as_with_the_stock_engine(db: None) -> None:
    lives = []
    for engine in ("gatewaysite.db.handback", "django.db.backends.postgresql"):
        with an_alias(ENGINE=engine) as connection:
            lives.append(life_of(connection))
    ours, stocks = lives
    assert ours == stocks
    assert CursorWrapper in ours


def test_pinned_without_a_pool_changes_nothing(db: None) -> None:
    with an_alias() as connection:
        assert isinstance(connection, DatabaseWrapper)
        with connection.pinned():
            query(connection, "SET work_mem = '77MB'")
        assert query(connection, "SHOW work_mem") == ("77MB",)
        assert connection.connection is not None


def test_a_connection_without_a_pool_is_not_in_the_ledger(db: None) -> None:
    with an_alias() as connection, transaction.atomic(using=ALIAS):
        query(connection, "SELECT 1")
        assert ledger.count(ALIAS) == 0


def test_a_pool_with_autocommit_off_keeps_its_open_transaction_as_stock_does(db: None) -> None:
    with an_alias(pool={"min_size": 1, "max_size": 1}, AUTOCOMMIT=False) as connection:
        assert connection.get_autocommit() is False
        query(connection, "SELECT 1")
        assert ledger.count(ALIAS) == 1
        connection.commit()
        connection.set_autocommit(True)
        query(connection, "SELECT 1")
        assert connection.get_autocommit() is True
        assert ledger.count(ALIAS) == 1
        connection.close()
        assert ledger.count(ALIAS) == 0
        connection.close_pool()


def test_our_engine_is_a_stock_engine(db: None) -> None:
    with an_alias() as connection:
        assert isinstance(connection, stock.DatabaseWrapper)
        assert connection.vendor == "postgresql"
