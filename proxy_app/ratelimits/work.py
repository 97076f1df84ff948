"""Units of work on the counters that all processes share."""

from collections.abc import Mapping

from django.db import connection, transaction

from proxy_app.models import RateCount

ADD = f"""
INSERT INTO {RateCount._meta.db_table} AS c (key, ends_at, used)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT (key, ends_at) DO UPDATE SET used = c.used + excluded.used RETURNING key, ends_at, used
"""  # noqa: S608 -- our own table's name


def add_counts(asked: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    """Add to each window's counter; what each is then. In one order everywhere, so that no two processes lock up."""
    windows = sorted(asked)
    keys, ends = [key for key, _ in windows], [ends_at for _, ends_at in windows]
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(ADD, [keys, ends, [asked[window] for window in windows]])
        return {(key, ends_at): used for key, ends_at, used in cursor.fetchall()}


def forget_counts(ended_before: int) -> None:
    """Remove the counters of windows that ended before. A single statement needs no block."""
    RateCount.objects.filter(ends_at__lt=ended_before).delete()
