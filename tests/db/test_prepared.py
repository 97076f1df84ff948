"""Statements the server plans once per connection."""

from gatewaysite.db.handback.base import DatabaseWrapper
from tests.db.pools import an_alias, out_of_pool, query

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


def test_a_statement_run_often_is_prepared_once(pooled: DatabaseWrapper) -> None:
    assert run_often(pooled) == [1]


def test_nothing_is_prepared_without_a_threshold(db: None) -> None:
    with an_alias(pool={"min_size": 1, "max_size": 1}) as connection:
        connection.settings_dict["OPTIONS"]["prepare_threshold"] = None
        assert run_often(connection) == [0]
        connection.close_pool()


def test_its_connection_goes_back_when_it_closes(pooled: DatabaseWrapper) -> None:
    assert run(pooled, 1) == 2
    assert out_of_pool(pooled) == 0


def test_the_next_cursor_binds_in_the_client_again(pooled: DatabaseWrapper) -> None:
    run(pooled, 1)
    # Bound by the server, this number would be one of an unknown type.
    assert query(pooled, "SELECT pg_typeof(%s)::text", 5) == ("integer",)
