"""SQL as it may be shown: its shape without the values, and a short name for that shape."""

import hashlib
import re
from functools import lru_cache

SHOWN_AT_MOST = 300
# Strings, also with doubled quotes; dollar-quoted ones; numbers that are no part of a name; lists of placeholders.
_VALUES = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|(?<![\w$\"])\d+(?:\.\d+)?\b", re.DOTALL)
_LISTS = re.compile(r"\(\s*(?:(?:\?|%s|\$\d+)\s*,\s*)+(?:\?|%s|\$\d+)\s*\)")
_BLANKS = re.compile(r"\s+")


def shape(sql: object) -> str:
    """The statement without its values, cut to what fits a line or two. "" for none yet."""
    return _shape(sql if isinstance(sql, str) else str(sql))


def fingerprint(sql: object) -> str:
    """Eight hex digits that are the same for statements of one shape."""
    text = shape(sql)
    return hashlib.sha256(text.encode()).hexdigest()[:8] if text else ""


@lru_cache(maxsize=512)
def _shape(sql: str) -> str:
    text = _BLANKS.sub(" ", _LISTS.sub("(…)", _VALUES.sub("?", sql))).strip()
    return text if len(text) <= SHOWN_AT_MOST else f"{text[: SHOWN_AT_MOST - 1]}…"
