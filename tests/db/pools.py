"""Pools of a test's own, on the test database, apart from the transactions pytest-django wraps around tests."""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import psycopg
from django.db import connections

from gatewaysite.db.handback.base import DatabaseWrapper
from gatewaysite.db.options import check_if_idle

ALIAS = "pooled"


@contextmanager
def a_pool(**options: Any) -> Iterator[DatabaseWrapper]:
    """This thread's wrapper of a new alias with a pool of two, its connections made. Other threads use the alias."""
    defaults = {"min_size": 2, "max_size": 2, "timeout": 5, "check": check_if_idle}
    with an_alias(pool=defaults | options) as connection:
        connection.pool.open(wait=True)
        try:
            yield connection
        finally:
            connection.close()
            connection.close_pool()


@contextmanager
def an_alias(**changes: Any) -> Iterator[Any]:
    """A database alias like the default one; `pool=None` has no pool, capital names change the settings."""
    settings = copy.deepcopy(connections["default"].settings_dict)
    settings["OPTIONS"]["pool"] = changes.pop("pool", None)
    connections.settings[ALIAS] = settings | changes
    try:
        yield connections[ALIAS]
    finally:
        connections[ALIAS].close()
        del connections[ALIAS]
        del connections.settings[ALIAS]


def out_of_pool(connection: Any) -> int:
    """How many connections the pool itself says are lent."""
    stats = connection.pool.get_stats()
    return int(stats["pool_size"] - stats["pool_available"])


def backend_pid(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def query(connection: Any, sql: str, *params: Any) -> Any:
    """The first row of a statement, if it has rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchone() if cursor.description else None


@contextmanager
def a_bystander() -> Iterator["psycopg.Connection[Any]"]:
    """A plain connection to the same database, outside every pool."""
    params = connections["default"].get_connection_params()
    with psycopg.connect(**params, autocommit=True) as connection:
        yield connection


def kill(pid: int) -> None:
    """End a backend as an administrator would, and wait until it is gone."""
    with a_bystander() as bystander:
        bystander.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def in_thread(work: Callable[[], Any]) -> Any:
    """The result of work done in another thread, or its exception."""
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["result"] = work()
        except BaseException as error:
            outcome["error"] = error
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive(), "the thread hangs"
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


def wait_until(happened: Callable[[], bool]) -> None:
    """Look every millisecond, for five seconds."""
    give_up_at = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.001)
