"""Looking at the database, by both of its routes, with sessions of the doctor's own outside every pool."""

import copy
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import django.db
import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.loader import MigrationLoader
from django.db.utils import ConnectionHandler
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from gatewaysite.db.options import DEAD_AFTER
from gatewaysite.doctor.findings import NotSeen
from gatewaysite.doctor.installation import Direct, Route, Server
from gatewaysite.doctor.secrecy import quote
from gatewaysite.secrets import SEALED, SEALED_INSIDE

CHANNEL = "poolgate_doctor"
HEARD_WITHIN_S = 2.0
SETTINGS = (
    "application_name",
    "default_transaction_read_only",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lock_timeout",
    "max_connections",
    "reserved_connections",
    "server_encoding",
    "server_version",
    "statement_timeout",
    "superuser_reserved_connections",
    "transaction_timeout",
)
# Of another role's sessions we may not see what sort they are; those of the server's own have no role or no database.
ROLE = """
    SELECT quote_ident(current_user), r.rolconnlimit, d.datconnlimit, pg_is_in_recovery(),
        (SELECT sum(numbackends) FROM pg_stat_database),
        (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL
            AND coalesce(backend_type, 'client backend') = 'client backend'
            AND (usename <> current_user OR datname <> current_database()))
    FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()
"""
SEALED_COLUMNS = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = ANY(current_schemas(false)) AND column_name LIKE %s
"""
KEY_IDS = """
    SELECT CASE WHEN {column} LIKE '%:%' THEN split_part({column}, ':', 1) ELSE '' END
    FROM {table} WHERE {column} <> ''
"""
type Session = psycopg.Connection[Any]


def look_at_server() -> Server | NotSeen:
    """The facts as one of the gateway's sessions gets them."""
    try:
        with _connection() as connection:
            return _server(connection, route_by(_session))
    except (django.db.Error, psycopg.Error) as error:
        return _silent("The database does not answer", error, "DATABASE_URL")


def look_directly(server: Server | NotSeen) -> Direct | NotSeen:
    """The route of the listener and the jobs. Not tried when it is the one that did not answer a moment ago."""
    if isinstance(server, NotSeen) and _is_one_place():
        return server
    try:
        route = route_by(_direct_session)
        with _direct_session() as listener:
            idle = listener.execute("SELECT setting FROM pg_settings WHERE name = 'idle_session_timeout'").fetchone()
            heard = None if isinstance(server, NotSeen) else _time_until_heard(listener)
        return Direct(route=route, heard_after_s=heard, idle_session_timeout_ms=int(idle[0]) if idle else 0)
    except (django.db.Error, psycopg.Error) as error:
        return _silent("The database does not answer at DATABASE_DIRECT_URL", error, "DATABASE_DIRECT_URL")


def route_by(connect: Callable[[], AbstractContextManager[Session]]) -> Route:
    """What a pooler cannot hide: it invents the process id it tells at log-in, and lends one session to two clients.

    Of two clients that take turns, a pooler in transaction mode gives both the session that was used last. (One that
    gives them in rotation shows one client several.)
    """
    with connect() as one, connect() as other:
        told = {one.info.backend_pid, other.info.backend_pid}
        turns = [[_pid(one), _pid(other)] for _ in range(3)]
    ones, others = ({turn[place] for turn in turns} for place in (0, 1))
    if ones & others or len(ones | others) > 2:
        return Route.TRANSACTION_POOLER
    return Route.STRAIGHT if told == ones | others else Route.SESSION_POOLER


def _server(connection: Any, route: Route) -> Server:
    role, role_limit, database_limit, is_standby, in_use, others = _row(connection, ROLE)
    unapplied, unknown = _migrations(connection)
    return Server(
        version=connection.pg_version // 10_000,
        settings=_settings(connection),
        role=role,
        role_limit=role_limit,
        database_limit=database_limit,
        in_use=int(in_use),
        others=others,
        is_standby=is_standby,
        route=route,
        clock_ahead_s=_clock_ahead_s(connection),
        unapplied=unapplied,
        unknown=unknown,
        sealed=_sealed(connection),
    )


def _settings(connection: Any) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(SETTINGS)])
        return dict(cursor.fetchall())


def _sealed(connection: Any) -> dict[str, int]:
    """Secrets by the id of their key, which stands before the colon. Of tables as they are, whatever the models say."""
    with connection.cursor() as cursor:
        cursor.execute(SEALED_COLUMNS, [f"{SEALED}%".replace("_", r"\_")])
        names: list[list[sql.Composable]] = [[sql.Identifier(name) for name in row] for row in cursor.fetchall()]
        counts = [
            sql.SQL(KEY_IDS).format(table=table, column=column) for table, column in names + _sealed_inside(cursor)
        ]
        cursor.execute(sql.SQL("SELECT id, count(*) FROM ({}) AS s (id) GROUP BY id").format(
            sql.SQL(" UNION ALL ").join([sql.SQL("SELECT NULL::text WHERE false"), *counts])
        ))  # fmt: skip
        return dict(cursor.fetchall())


def _sealed_inside(cursor: Any) -> list[list[sql.Composable]]:
    """Members of JSON columns, of those tables that are there."""
    cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = ANY(current_schemas(false))")
    there = {name for (name,) in cursor.fetchall()}
    return [
        [sql.Identifier(model._meta.db_table), sql.SQL("({}->>{})").format(sql.Identifier(column), sql.Literal(member))]
        for model, column, members in SEALED_INSIDE
        if model._meta.db_table in there
        for member in members
    ]


def _clock_ahead_s(connection: Any) -> float:
    """The server's clock against ours. A slow answer is no wrong clock: half its time is what we cannot know."""
    asked_at = time.time()
    (theirs,) = _row(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    took_s = time.time() - asked_at
    ahead_s = theirs - (asked_at + took_s / 2)
    return 0.0 if abs(ahead_s) <= took_s / 2 else ahead_s


def _migrations(connection: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those the code has and the database has not, and the reverse."""
    loader = MigrationLoader(connection)
    unapplied = set(loader.graph.nodes) - set(loader.applied_migrations)
    unknown = set(loader.applied_migrations) - set(loader.disk_migrations)
    names = [tuple(sorted(f"{app}.{name}" for app, name in group)) for group in (unapplied, unknown)]
    return names[0], names[1]


def _time_until_heard(listener: Session) -> float | None:
    """What the gateway does all day: a change notifies on the pool's route, and the listener hears it on its own."""
    word = uuid.uuid4().hex
    try:
        listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        began = time.monotonic()
        with _session() as speaker:
            speaker.execute("SELECT pg_notify(%s, %s)", [CHANNEL, word])
        for notification in listener.notifies(timeout=HEARD_WITHIN_S):
            if notification.payload == word:
                return time.monotonic() - began
    except psycopg.Error:  # a standby cannot LISTEN; a pooler may refuse it
        return None
    return None


# --- Sessions --------------------------------------------------------------------------------------------------------


@contextmanager
def _connection() -> Iterator[Any]:
    """Django's connection with the gateway's own options, but not of the pool."""
    own = copy.deepcopy(connections[DEFAULT_DB_ALIAS].settings_dict)
    own["OPTIONS"].pop("pool", None)
    connection = ConnectionHandler({DEFAULT_DB_ALIAS: own})[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _session() -> Iterator[Session]:
    with _connection() as connection:
        yield connection.connection


@contextmanager
def _direct_session() -> Iterator[Session]:
    options: dict[str, Any] = {"connect_timeout": 5, "application_name": "poolgate doctor", **DEAD_AFTER}
    with psycopg.connect(settings.DATABASE_DIRECT_URL, autocommit=True, **options) as session:
        yield session


def _is_one_place() -> bool:
    """Whether both routes lead to the same address."""
    own = connections[DEFAULT_DB_ALIAS].settings_dict
    try:
        direct = conninfo_to_dict(settings.DATABASE_DIRECT_URL)
    except psycopg.ProgrammingError:
        return False
    host = own["HOST"] or own["OPTIONS"].get("host")
    return (str(direct.get("host") or ""), str(direct.get("port") or "")) == (str(host or ""), str(own["PORT"] or ""))


def _row(connection: Any, query: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return tuple(cursor.fetchone())


def _pid(session: Session) -> int:
    row = session.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    return int(row[0]) if row else 0


def _silent(message: str, error: Exception, setting: str) -> NotSeen:
    said = quote(error).removeprefix("connection failed: ")
    cure = f"Start the server, or correct {setting}."
    if "unsupported startup parameter" in said:
        cure = "Set `ignore_startup_parameters = options` in pgbouncer.ini, and the belts on the role (see db-belts)."
    return NotSeen(f"{message}.", said, cure)
