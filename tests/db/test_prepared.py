"""Statements the server plans once per connection."""

import pytest

from gatewaysite.db.handback.base import DatabaseWrapper
from tests.db.pools import a_pool, an_alias, out_of_pool, query

pytestmark = pytest.mark.django_db(transaction=True)
STATEMENT = "SELECT %s::int + 1"
PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT $1::int%%'"


def run(connection: DatabaseWrapper, number: int) -> int:
    with connection.prepared_cursor() as cursor:
        cursor.execute(STATEMENT, (number,))
        return int(cursor.fetchone()[0])


def run_often(connection: DatabaseWrapper) -> list[int]:
    """Often enough for every threshold, on one connection, and how many statements that one keeps then."""
    with connection.pinned():
        assert [run(connection, number) for number in range(10)] == list(range(1, 11))
        return list(query(connection, PREPARED))


def test_a_statement_run_often_is_prepared_once() -> None:
    with a_pool() as connection:
        assert run_often(connection) == [1]


def test_nothing_is_prepared_without_a_threshold() -> None:
    with an_alias(pool={"min_size": 1, "max_size": 1}) as connection:
        connection.settings_dict["OPTIONS"]["prepare_threshold"] = None
        assert run_often(connection) == [0]
        connection.close_pool()


def test_its_connection_goes_back_when_it_closes() -> None:
    with a_pool() as connection:
        assert run(connection, 1) == 2
        assert out_of_pool(connection) == 0


def test_the_next_cursor_binds_in_the_client_again() -> None:
    with a_pool() as connection:
        run(connection, 1)
        # PostgreSQL could not infer the type of this parameter by itself.
        assert query(connection, "SELECT pg_typeof(%s)::text", 5) == ("integer",)
