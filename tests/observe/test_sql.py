"""SQL as it is shown: never a value, and the same name for the same shape."""

import pytest
from psycopg import sql

from proxy_app.observe.sql import SHOWN_AT_MOST, fingerprint, shape

SECRETS = [
    ("SELECT 'secret'", "SELECT ?"),
    ("SELECT 'it''s secret', 1", "SELECT ?, ?"),
    (r"SELECT E'it\'s secret' AND x = 'secret'", "SELECT ? AND x = ?"),
    (r"SELECT 'C:\' || 'secret'", "SELECT ? || ?"),
    ("SELECT 'secret without an end", "SELECT ?"),
    ("SELECT $$secret$$, $tag$sec$$ret$tag$", "SELECT ?, ?"),
    ("SELECT $$secret without an end", "SELECT ?"),
    ("SELECT 42, -4.25, .5, 1e10, 0xCAFE, 1_000", "SELECT ?, -?, .?, ?, ?, ?"),
    ("SELECT 1 -- for secret\nFROM t", "SELECT ? FROM t"),
    ("SELECT 1 /* secret */ FROM t", "SELECT ? FROM t"),
    ("SELECT 1 /* secret without an end", "SELECT ?"),
]
COLUMNS = ", ".join(f'"tools"."column_{number}"' for number in range(40))
MANY_COLUMNS = f"SELECT {COLUMNS} FROM tools WHERE id = 5"  # noqa: S608 (never sent)


@pytest.mark.parametrize(("statement", "shown"), SECRETS)
def test_values_and_comments_are_never_shown(statement: str, shown: str) -> None:
    assert shape(statement) == shown


def test_names_and_placeholders_are_shown() -> None:
    assert shape('SELECT "t1"."Name", t2.b FROM "t1" WHERE c = %s AND d = $1 AND e = %(f)s') == (
        'SELECT t1."Name", t2.b FROM t1 WHERE c = %s AND d = $1 AND e = %(f)s'
    )
    assert shape('SELECT "o\'clock", 5, "say ""when"" 7"') == 'SELECT "o\'clock", ?, "say ""when"" 7"'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t WHERE b = 1", "SELECT  a\n FROM t WHERE b = 27"),
        ("DELETE FROM t WHERE id IN (%s)", "DELETE FROM t WHERE id IN (%s, %s, %s)"),
        ("INSERT INTO t VALUES (%s, %s)", "INSERT INTO t VALUES (%s, %s), (%s, %s)"),
        ('SAVEPOINT "s140123456789_x1"', 'SAVEPOINT "s140987654321_x27"'),
    ],
)
def test_statements_of_one_shape_have_one_fingerprint(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)
    assert len(fingerprint(one)) == 8


def test_statements_of_another_shape_have_another_fingerprint() -> None:
    shapes = ["SELECT a FROM t", "SELECT b FROM t", "SELECT a FROM u", MANY_COLUMNS, "DELETE FROM t"]
    assert len({fingerprint(statement) for statement in shapes}) == len(shapes)


def test_many_columns_make_room_for_what_comes_after_them() -> None:
    assert shape(MANY_COLUMNS) == "SELECT … FROM tools WHERE id = ?"
    assert shape(
        "SELECT (SELECT count(*) FROM calls WHERE calls.tool_id = tools.id AND calls.at > now()) FROM tools"
    ) == ("SELECT … FROM tools")


def test_what_is_too_long_is_cut() -> None:
    shown = shape(MANY_COLUMNS.replace("SELECT", "VALUES"))
    assert (len(shown), shown[-1]) == (SHOWN_AT_MOST, "…")


def test_no_statement_is_nothing() -> None:
    assert (shape(""), fingerprint("")) == ("", "")


def test_what_the_driver_composes_is_shown_without_its_values() -> None:
    assert shape(sql.SQL("SELECT {}").format(sql.Literal("it's secret"))) == "SELECT ?"
    assert shape(b"SELECT 'it''s secret'") == "SELECT ?"
    assert shape(object()) == ""
