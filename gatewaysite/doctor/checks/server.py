"""The database server itself: whether it answers, is new enough, takes writes, has our tables and the right time."""

from collections.abc import Sequence

from django.db.backends.postgresql.features import DatabaseFeatures

from gatewaysite.doctor.findings import NotSeen, Verdict, error, ok, plural, warning
from gatewaysite.doctor.installation import Installation

OLDEST = (DatabaseFeatures.minimum_database_version or (0,))[0]
CLOCK_WARNING_S, CLOCK_ERROR_S = 2.0, 30.0


def answers(it: Installation) -> Verdict:
    try:
        server = it.server
    except NotSeen as silence:
        return error(f"The database does not answer: {silence.detail}.", silence.cure)
    return ok(f"The database answers as role {server.role}; {plural(server.in_use, 'session')} on the whole server.")


def version(it: Installation) -> Verdict:
    server = it.server
    if server.version < OLDEST:
        return error(f"PostgreSQL {server.version} is older than {OLDEST}.", f"Upgrade it to {OLDEST} or later.")
    return ok(f"PostgreSQL {server.settings['server_version']}.")


def encoding(it: Installation) -> Verdict:
    name = it.server.settings["server_encoding"]
    if name != "UTF8":
        return error(
            f"The database is encoded in {name}, which cannot hold every text of an upstream.",
            "`CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0` makes another; pg_dump moves the data.",
        )
    return ok("The database is encoded in UTF8.")


def writable(it: Installation) -> Verdict:
    if it.server.is_standby:
        return error("This server is a standby: it takes no writes.", "Point DATABASE_URL at the primary.")
    if it.server.settings["default_transaction_read_only"] == "on":
        return error(
            "Transactions are read-only by default (default_transaction_read_only).",
            f"`ALTER ROLE {it.server.role} SET default_transaction_read_only = off`, or look why the server is so.",
        )
    return ok("The server takes writes.")


def schema(it: Installation) -> Verdict:
    """Ours, Django's and the job library's alike."""
    server = it.server
    if server.unapplied:
        return error(
            f"{_counted(server.unapplied)} not been applied: {_some(server.unapplied)}.",
            "Run `python manage.py migrate`.",
        )
    if server.unknown:
        return warning(
            f"The database is newer than this code: {_counted(server.unknown)} no file here: {_some(server.unknown)}.",
            "Run the code that made them, or let that code take them back (`python manage.py migrate APP NAME`) first.",
        )
    return ok("Every migration has been applied, and none that this code does not know.")


def clock(it: Installation) -> Verdict:
    ahead_s = it.server.clock_ahead_s
    seen = f"The database's clock is {abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} ours."
    cure = "Let NTP keep both machines. Tokens and sessions end, and leases of jobs run out, by these clocks."
    if abs(ahead_s) > CLOCK_ERROR_S:
        return error(seen, cure)
    if abs(ahead_s) > CLOCK_WARNING_S:
        return warning(seen, cure)
    return ok(f"The database's clock and ours agree within {CLOCK_WARNING_S:.0f} s.")


def _counted(names: Sequence[str]) -> str:
    return f"{plural(len(names), 'migration')} {'has' if len(names) == 1 else 'have'}"


def _some(names: Sequence[str], most: int = 3) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
