"""The audit as a file: a batch of entries at a time, each read in a unit of its own, so that nothing is held between.

A spreadsheet must not take a name for a formula, and a name must not make a line of its own.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from auth_app.actor import Actor
from auth_app.audit import work
from auth_app.audit.bodies import AuditData, AuditFilters
from gatewaysite.context import Phase
from gatewaysite.phases import during
from gatewaysite.responses import dump_json

BATCH = 1_000
# What makes Excel, LibreOffice and Google Sheets compute a cell.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

type Writing = Callable[[Sequence[AuditData]], bytes]


def chunks(actor: Actor, asked: AuditFilters, made_by: Writing, head: bytes) -> Iterator[bytes]:
    """The newest first, as of when it began. The policy has said before that the actor may."""
    cursor: str | None = ""
    yield head
    while cursor is not None:
        entries, cursor = work.list_entries(actor, asked, limit=BATCH, cursor=cursor)
        with during(Phase.RENDER):
            text = made_by(entries)
        yield text


def as_ndjson(entries: Sequence[AuditData]) -> bytes:
    return b"".join(dump_json(entry) + b"\n" for entry in entries)


def as_csv(entries: Sequence[AuditData]) -> bytes:
    return _rows([[_cell(value) for value in entry.values()] for entry in entries])


def csv_head() -> bytes:
    return _rows([list(AuditData.__annotations__)])


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = dump_json(value).decode() if isinstance(value, dict) else str(value)
    text = text.replace("\r", " ").replace("\n", " ")  # one line for each entry
    return f"'{text}" if text.startswith(FORMULA) else text
