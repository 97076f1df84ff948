"""Connections to the database: how many, how they are made, what they are forbidden, and which way they take."""

import math
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db import connections as django_connections

from gatewaysite.db.options import DEAD_AFTER
from gatewaysite.doctor.findings import NotSeen, Verdict, error, ok, plural, unknown, warning
from gatewaysite.doctor.installation import Installation, Route, Server, is_production

ENGINE = "gatewaysite.db.handback"
SHARE = 0.8  # of max_connections; the rest is for psql, backups, monitoring and the next release's workers
BELTS = {
    "idle_in_transaction_session_timeout": "DB_IDLE_IN_TRANSACTION_SESSION_TIMEOUT",
    "statement_timeout": "DB_STATEMENT_TIMEOUT",
    "lock_timeout": "DB_LOCK_TIMEOUT",
}


def budget(it: Installation) -> Verdict:
    """Whether every pool may fill up at once without the server refusing anybody."""
    server, processes = it.server, it.workers * it.replicas
    each = int(_pool().get("max_size") or 0) + it.outside_pool
    if server.route is not Route.STRAIGHT:
        past = processes * it.outside_pool if it.direct.route is Route.STRAIGHT else 0
        return _pooled_budget(it.server, processes * each - past, past)
    need, (room, why) = processes * each, _room(server)
    counted = f"{plural(it.workers, 'worker')} x {plural(it.replicas, 'replica')} x {each} connections = {need}"
    if need > room:
        return error(f"{counted}, more than {room} ({why}).", _budget_cure(it, need, room))
    free = server.number("max_connections") - _reserved(server)
    if need + server.others > free:
        return warning(
            f"{counted}, and other roles and databases have {plural(server.others, 'session')} at present: more than"
            f" the {free} that the server allows.",
            "Give the gateway a server of its own, or raise max_connections to"
            f" {_raised(server, need, server.others)}.",
        )
    others = f"; other roles and databases have {server.others}" if server.others else ""
    return ok(f"{counted}, within {room} ({why}){others}.")


def engine(it: Installation) -> Verdict:
    name = _database()["ENGINE"]
    if name != ENGINE:
        return error(
            f"The engine is {name}: it keeps a connection until the answer has been sent.",
            f'Set ENGINE to "{ENGINE}" in settings.py.',
        )
    return ok(f"The engine is {ENGINE}: a connection goes back when its unit of work ends.")


def conn_max_age(it: Installation) -> Verdict:
    age = _database()["CONN_MAX_AGE"]
    if age != 0:
        return error(
            f"CONN_MAX_AGE is {age}: each thread would keep a connection of its own, which the pool forbids.",
            "Set CONN_MAX_AGE to 0 in settings.py; the pool keeps connections.",
        )
    return ok("CONN_MAX_AGE is 0.")


def atomic_requests(it: Installation) -> Verdict:
    if _database()["ATOMIC_REQUESTS"]:
        return error(
            "ATOMIC_REQUESTS is on: every request holds a connection while it renders and waits.",
            "Remove ATOMIC_REQUESTS from settings.py; units of work open their own transactions.",
        )
    return ok("ATOMIC_REQUESTS is off.")


def pool(it: Installation) -> Verdict:
    given = _pool()
    if not given:
        return error("No pool is configured: every request opens a connection.", 'Set OPTIONS["pool"] in settings.py.')
    smallest, largest, waiting = given.get("min_size", 0), given.get("max_size", 0), given.get("max_waiting", 0)
    if not 0 <= smallest <= largest or largest < 1:
        return error(
            f"The pool cannot be made: DB_POOL_MIN is {smallest}, DB_POOL_MAX {largest}.",
            "Set DB_POOL_MAX to at least 1, and DB_POOL_MIN to at most that.",
        )
    if not waiting:
        return error(
            "DB_POOL_MAX_WAITING is 0: any number may wait for a connection, and none is refused in time.",
            "Set DB_POOL_MAX_WAITING to how many may wait, 50 by default.",
        )
    return ok(f"The pool has {smallest} to {largest} connections, {waiting} may wait, {given['timeout']:g} s at most.")


def keepalive(it: Installation) -> Verdict:
    options = _database()["OPTIONS"]
    missing = [name for name in DEAD_AFTER if not options.get(name)]
    if missing:
        return error(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: a server that the network lost"
            " would be waited for up to two hours.",
            "Build OPTIONS with gatewaysite.db.options.pool_options, and do not switch these off in DATABASE_URL.",
        )
    within_s = options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"]
    return ok(
        f"A server that the network lost is noticed within {max(within_s, options['tcp_user_timeout'] / 1000):g} s."
    )


def belts(it: Installation) -> Verdict:
    """As the server reports them for a session of ours: a pooler in between may swallow what we ask for."""
    server = it.server
    wanted = {name: int(getattr(settings, setting) * 1000) for name, setting in BELTS.items()}
    swallowed = {name: ms for name, ms in wanted.items() if ms and server.number(name) != ms}
    if swallowed:
        told = ", ".join(
            f"{name} is {_seconds(server.number(name))} instead of {_seconds(ms)}" for name, ms in swallowed.items()
        )
        return error(f"Not in force on our sessions: {told}.", _belts_cure(server, swallowed))
    if off := [setting for name, setting in BELTS.items() if not wanted[name]]:
        return warning(
            f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} 0: nothing ends a session that hangs.",
            "Set them to some seconds; .env.example has the defaults.",
        )
    if server.settings["application_name"] != _database()["OPTIONS"].get("application_name"):
        return warning(
            f"Sessions are called {server.settings['application_name']!r} on the server, so nobody finds ours.",
            _unasked("application_name")
            if server.route is Route.STRAIGHT
            else "Let the pooler pass application_name on, and take it out of ALTER ROLE.",
        )
    in_force = [f"{name} {_seconds(ms)}" for name, ms in wanted.items()]
    if own := server.number("transaction_timeout"):
        in_force.append(f"transaction_timeout {_seconds(own)}, of the server's own")
    return ok(f"In force on our sessions: {', '.join(in_force)}.")


def pooler(it: Installation) -> Verdict:
    """A pooler in transaction mode is fine for the pool, and fatal for LISTEN and the jobs."""
    if it.direct.route is Route.TRANSACTION_POOLER:
        return error(
            "DATABASE_DIRECT_URL leads through a pooler in transaction mode, where LISTEN hears nothing.",
            "Set DATABASE_DIRECT_URL to PostgreSQL itself (port 5432, as a rule), past the pooler.",
        )
    if it.server.route is Route.STRAIGHT:
        return ok("DATABASE_URL leads straight to PostgreSQL.")
    past = "past it" if it.direct.route is Route.STRAIGHT else f"through {it.direct.route}"
    return ok(f"DATABASE_URL leads through {it.server.route}, DATABASE_DIRECT_URL {past}.")


def prepared(it: Installation) -> Verdict:
    if it.server.route is not Route.TRANSACTION_POOLER or not settings.DB_PREPARED_STATEMENTS:
        return ok(f"Prepared statements are {'on' if settings.DB_PREPARED_STATEMENTS else 'off'}, as the route allows.")
    return unknown(
        "Prepared statements are on, through a pooler whose version cannot be seen from here.",
        "With PgBouncer 1.21 or later set its max_prepared_statements above 0; with an older one, set"
        " DB_PREPARED_STATEMENTS=false.",
    )


def listen(it: Installation) -> Verdict:
    try:
        heard_s = it.direct.heard_after_s
    except NotSeen as silence:
        return error(f"{str(silence).rstrip('.')}: {silence.detail}.", silence.cure)
    if heard_s is None:
        return error(
            "What is notified on DATABASE_URL is not heard on DATABASE_DIRECT_URL.",
            "Set DATABASE_DIRECT_URL to the same database on the same primary server, past any pooler. Until then"
            " changes arrive with the next look, every 2 s, and jobs late.",
        )
    return ok(f"A notification on DATABASE_URL is heard on DATABASE_DIRECT_URL after {heard_s * 1000:.0f} ms.")


def idle_session(it: Installation) -> Verdict:
    limit_ms = max(it.direct.idle_session_timeout_ms, it.server.number("idle_session_timeout"))
    if limit_ms:
        return warning(
            f"The server ends sessions that rest for {_seconds(limit_ms)} (idle_session_timeout): pooled connections,"
            " and the one on which the jobs are listened for.",
            f"`ALTER ROLE {it.server.role} SET idle_session_timeout = 0`; DB_POOL_MAX_IDLE closes what is not needed.",
        )
    return ok("The server lets sessions rest.")


def guard(it: Installation) -> Verdict:
    """The guard at run time: what tells when a request holds a connection while it renders, streams or waits."""
    mode = settings.GUARD_MODE
    if mode == "off" and is_production():
        return warning(
            "GUARD_MODE is off: nobody would learn that a request holds a connection while it waits.",
            "Set GUARD_MODE=count: such a request goes on, the log and the metrics tell of it.",
        )
    return ok(f"GUARD_MODE is {mode}.")


# --- The belts' cure -------------------------------------------------------------------------------------------------


def _belts_cure(server: Server, swallowed: dict[str, int]) -> str:
    if server.route is not Route.STRAIGHT:
        fix = " ".join(f"ALTER ROLE {server.role} SET {name} = {ms};" for name, ms in swallowed.items())
        return f"A pooler drops them. Set them on the role: {fix}"
    asked = str(_database()["OPTIONS"].get("options") or "")
    if all(f"-c {name}={ms}" in asked for name, ms in swallowed.items()):
        return _unasked("them")
    return (
        "No pooler stands in between: we do not ask for them. Let `options` of gatewaysite.db.options.pool_options win"
        " over `options` of DATABASE_URL in settings.py."
    )


def _unasked(what: str) -> str:
    return (
        f"No pooler stands in between: something sets {what} after log-in. Look for an event trigger (`\\dy` in psql)."
    )


# --- The budget's arithmetic -----------------------------------------------------------------------------------------


def _room(server: Server) -> tuple[int, str]:
    """How many connections we may have, and which limit says so."""
    most, reserved = server.number("max_connections"), _reserved(server)
    rooms = [(math.floor(SHARE * most) - reserved, f"{SHARE:.0%} of max_connections {most} less {reserved} reserved")]
    if server.role_limit >= 0:
        rooms.append((server.role_limit, f"the connection limit of role {server.role}"))
    if server.database_limit >= 0:
        rooms.append((server.database_limit, "the connection limit of the database"))
    return min(rooms)


def _budget_cure(it: Installation, need: int, room: int) -> str:
    affordable = room // (it.workers * it.replicas) - it.outside_pool
    smaller = f"Lower DB_POOL_MAX to {affordable}" if affordable >= 1 else "Run fewer workers or replicas"
    server = it.server
    raises = []
    if need > math.floor(SHARE * server.number("max_connections")) - _reserved(server):
        raises.append(f"max_connections to {_raised(server, need)}")
    if 0 <= server.role_limit < need:
        raises.append(f"the role's limit (`ALTER ROLE {server.role} CONNECTION LIMIT {need}`)")
    if 0 <= server.database_limit < need:
        raises.append(f"the database's CONNECTION LIMIT to {need}")
    return f"{smaller}, or raise {' and '.join(raises)}."


def _pooled_budget(server: Server, need: int, past: int) -> Verdict:
    """`need` connections come to the pooler, `past` go to PostgreSQL itself."""
    room, why = _room(server)
    if past > room:
        return error(
            f"{past} connections go past the pooler, more than {room} ({why}).", "Run fewer workers or replicas."
        )
    return unknown(
        f"{need} connections come to the pooler and {past} go past it; its own limits cannot be seen from here.",
        f"Keep its max_client_conn at {need} or more, and its pools within {room - past} ({room} is {why}).",
    )


def _raised(server: Server, need: int, others: int = 0) -> int:
    """The max_connections that leave room, in full tens: a number somebody chose."""
    least = max((need + _reserved(server)) / SHARE, need + others + _reserved(server))
    return math.ceil(least / 10) * 10


def _reserved(server: Server) -> int:
    return server.number("superuser_reserved_connections") + server.number("reserved_connections")


def _database() -> dict[str, Any]:
    return django_connections[DEFAULT_DB_ALIAS].settings_dict


def _pool() -> dict[str, Any]:
    return _database()["OPTIONS"].get("pool") or {}


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g} s"
