"""SQL as it may be shown: its shape without the values, and a short name for that shape."""

import hashlib
import re
from functools import lru_cache

from psycopg.sql import Composable

SHOWN_AT_MOST, COLUMNS_AT_MOST = 300, 60
# What a statement is taken apart into, as far as it matters. A literal that does not end takes the rest with it.
_PIECES = re.compile(
    r"""
      (?P<name> "(?:[^"]|"")*" )
    | (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?<!\w)[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)
    | '(?:[^']|'')*(?:'|\Z)
    | (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    | (?<![\w$])\d[\w.]*
    """,
    re.DOTALL | re.VERBOSE,
)
_ONE = r"(?:\?|%s|\$\d+)"
# IN (…) is one shape for any number of values, and so are the rows of an INSERT.
_LISTS = re.compile(rf"\(\s*{_ONE}(?:\s*,\s*{_ONE})+\s*\)|(?<=\bIN )\(\s*{_ONE}\s*\)")
_ROWS = re.compile(r"\(…\)(?:\s*,\s*\(…\))+")
_PLAIN_NAME = re.compile(r'"[a-z_][a-z_0-9]*"', re.ASCII)
# Savepoints and cursors are named after their thread.
_LONG_NUMBERS = re.compile(r"\d{5,}\w*")
_BLANKS = re.compile(r"\s+")


def shape(sql: object) -> str:
    """The statement without values, comments and a long list of columns, cut to what fits a line or two.

    "" for none yet.
    """
    text = _without_columns(_without_values(_text(sql)))
    return text if len(text) <= SHOWN_AT_MOST else f"{text[: SHOWN_AT_MOST - 1]}…"


def fingerprint(sql: object) -> str:
    """Eight hex digits that are the same for statements that differ in nothing but values."""
    text = _without_values(_text(sql))
    return hashlib.sha256(text.encode()).hexdigest()[:8] if text else ""


def _text(sql: object) -> str:
    """What a cursor was given, as text. Anything unheard of is not shown: who knows what its `str` says."""
    if isinstance(sql, str):
        return sql
    if isinstance(sql, bytes):
        return sql.decode(errors="replace")
    return sql.as_string() if isinstance(sql, Composable) else ""


@lru_cache(maxsize=512)
def _without_values(sql: str) -> str:
    text = _ROWS.sub("(…)", _LISTS.sub("(…)", _PIECES.sub(_without_value, sql)))
    return _BLANKS.sub(" ", text).strip()


def _without_value(piece: re.Match[str]) -> str:
    if name := piece["name"]:
        name = _LONG_NUMBERS.sub("…", name)
        return name[1:-1] if _PLAIN_NAME.fullmatch(name) else name
    return " " if piece["comment"] else "?"


def _without_columns(text: str) -> str:
    """The ORM names every column; what tells statements apart comes after them."""
    if not text.startswith("SELECT "):
        return text
    for found in re.finditer(" FROM ", text):
        columns = text[: found.start()]
        if columns.count("(") == columns.count(")"):  # not the FROM of a subquery among the columns
            return text if len(columns) <= COLUMNS_AT_MOST else f"SELECT …{text[found.start() :]}"
    return text
