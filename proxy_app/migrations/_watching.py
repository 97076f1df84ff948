"""More columns of a table whose changes count as changes of the registry: see 0002_versions."""

from collections.abc import Iterable

WATCH_AGAIN = """
DO $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
        FROM pg_trigger JOIN pg_attribute ON attrelid = tgrelid
        WHERE tgrelid = '{table}'::regclass AND tgname = 'poolgate_bump'
            AND (attnum = ANY (tgattr::int2[]) OR attname IN ({more})) AND attname NOT IN ({less});
    DROP TRIGGER poolgate_bump ON {table};
    PERFORM poolgate_watch('{table}', 'registry', columns);
END $$
"""


def watch_again(table: str, more: Iterable[str] = (), less: Iterable[str] = ()) -> str:
    """What is watched of this table already, and `more`; without `less`."""
    quoted = [", ".join(f"'{name}'" for name in names) or "''" for names in (more, less)]
    return WATCH_AGAIN.format(table=table, more=quoted[0], less=quoted[1])
