"""Units of work on what was observed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import connection, transaction

if TYPE_CHECKING:
    from proxy_app.observe.recorder import CallRecord

CALL_COLUMNS = (
    "at", "request_id", "user_id", "token_id", "method", "tool_id", "tool_name", "server_id", "gateway_id", "outcome",
    "duration_ms", "upstream_ms",
)  # fmt: skip


def copy_calls(records: "Iterable[CallRecord]") -> None:
    """COPY the records, in one transaction."""
    statement = f"COPY proxy_app_call ({', '.join(CALL_COLUMNS)}) FROM STDIN"
    with transaction.atomic(durable=True), connection.cursor() as cursor, cursor.copy(statement) as copy:
        for record in records:
            copy.write_row(record)
