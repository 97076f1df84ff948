"""What the doctor looks at, for real: the database by both routes, a worker's start, an address from outside."""

import asyncio
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from procrastinate import PsycopgConnector
from pytest_django import Settings

from gatewaysite.doctor import database
from gatewaysite.doctor.database import look_at_server, look_directly, route_by
from gatewaysite.doctor.findings import NotSeen
from gatewaysite.doctor.installation import Direct, Front, Rehearsal, Route, Server
from gatewaysite.doctor.outside import look_from_outside
from gatewaysite.doctor.process import rehearse
from gatewaysite.doctor.secrecy import quote
from proxy_app.federation import worker
from proxy_app.federation.worker import JobWorker
from proxy_app.management.commands.gateway import JOB_CONNECTIONS, LISTENER_CONNECTIONS
from proxy_app.snapshot.keeper import Keeper
from tests.committed import database_url, db
from tests.db.pools import a_bystander, wait_until
from tests.doctor.conftest import Configure

__all__ = ["db"]


# --- The database ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _at_home(db: None, settings: Settings) -> None:
    settings.DATABASE_DIRECT_URL = database_url()


@pytest.mark.usefixtures("_at_home")
def test_a_healthy_database_is_seen_as_the_gateway_sees_it() -> None:
    server = look_at_server()
    assert isinstance(server, Server)
    assert server.route is Route.STRAIGHT
    assert server.unapplied == server.unknown == ()
    assert abs(server.clock_ahead_s) < 2
    assert server.number("statement_timeout") == 15_000
    assert server.number("idle_in_transaction_session_timeout") == 5_000
    assert server.settings["application_name"] == "poolgate"
    assert server.number("max_connections") > server.in_use > 0
    direct = look_directly(server)
    assert isinstance(direct, Direct)
    assert direct.route is Route.STRAIGHT
    assert direct.heard_after_s is not None


@pytest.mark.usefixtures("_at_home")
def test_sessions_in_another_database_are_those_of_others_and_the_servers_own_are_nobodys() -> None:
    elsewhere = psycopg.conninfo.make_conninfo(database_url(), dbname="postgres")
    with a_bystander() as ours, psycopg.connect(elsewhere) as theirs:
        assert not _is_other(ours, ours.info.backend_pid)
        assert _is_other(ours, theirs.info.backend_pid)
        own = ours.execute("SELECT pid FROM pg_stat_activity WHERE datid IS NULL").fetchall()
        assert own
        assert not any(_is_other(ours, pid) for (pid,) in own)
        server = look_at_server()
        assert isinstance(server, Server)
        assert server.others >= 1


def _is_other(session: psycopg.Connection[Any], pid: int) -> bool:
    """Whether the doctor's query counts this process."""
    only = database.ROLE.replace("WHERE usesysid", f"WHERE pid = {pid} AND usesysid")
    row = session.execute(only.encode()).fetchone()
    return bool(row and row[-1])


@pytest.mark.usefixtures("_at_home")
def test_looking_leaves_no_session_behind() -> None:
    with a_bystander() as bystander:

        def sessions() -> int:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state IS NOT NULL"
            row = bystander.execute(query).fetchone()
            return int(row[0]) if row else 0

        before = sessions()
        look_directly(look_at_server())
        wait_until(lambda: sessions() <= before)


@pytest.mark.usefixtures("_at_home")
def test_migrations_are_compared_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    applied = MigrationLoader.build_graph

    def build(loader: Any, *args: Any, **kwargs: Any) -> None:
        applied(loader, *args, **kwargs)
        loader.applied_migrations[("auth_app", "9999_future")] = loader.applied_migrations.pop(
            ("proxy_app", "0002_versions")
        )

    monkeypatch.setattr(MigrationLoader, "build_graph", build)
    server = look_at_server()
    assert isinstance(server, Server)
    assert (server.unapplied, server.unknown) == (("proxy_app.0002_versions",), ("auth_app.9999_future",))


@pytest.mark.usefixtures("_at_home")
def test_another_database_hears_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "HEARD_WITHIN_S", 0.2)
    settings.DATABASE_DIRECT_URL = database_url().replace(connection.settings_dict["NAME"], "postgres")
    direct = look_directly(look_at_server())
    assert isinstance(direct, Direct)
    assert direct.heard_after_s is None


@pytest.mark.usefixtures("_at_home")
def test_a_swallowed_belt_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict["OPTIONS"], "options", "")
    server = look_at_server()
    assert isinstance(server, Server)
    assert server.number("statement_timeout") == 0


@pytest.mark.usefixtures("_at_home")
def test_a_database_that_does_not_answer_is_told_without_the_password(configure: Configure, settings: Settings) -> None:
    configure(database={"HOST": "127.0.0.1", "PORT": "1", "USER": "bob", "PASSWORD": "geheim", "host": "127.0.0.1"})
    settings.DATABASE_DIRECT_URL = "postgresql://bob:geheim@127.0.0.1:1/poolgate"
    server = look_at_server()
    assert isinstance(server, NotSeen)
    assert "port 1 failed" in server.detail
    assert "geheim" not in server.detail
    assert look_directly(server) is server  # the same address is not tried again
    settings.DATABASE_DIRECT_URL = "postgresql://bob:geheim@127.0.0.1:2/poolgate"
    direct = look_directly(server)
    assert isinstance(direct, NotSeen)
    assert "port 2 failed" in direct.detail


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bob:pa@ss:word@host/name",
        "postgresql://bob:pa%40ss%3Aword@host/name",
        "host=host password=pa@ss:word",
        "postgresql://host/name?user=bob&password=pa@ss:word",
    ],
)
def test_no_part_of_a_password_is_quoted(url: str, settings: Settings) -> None:
    settings.DATABASE_DIRECT_URL = url
    said = quote('invalid integer value "word@host" for "pa@ss:word"\nand more')
    assert "word" not in said
    assert "pa@ss" not in said
    assert said.startswith("invalid integer value")


def test_what_is_cut_off_leaves_no_half_of_a_password(settings: Settings) -> None:
    settings.DATABASE_DIRECT_URL = "postgresql://bob:geheimnis@host/name"
    for before in range(290, 300):
        said = quote("x" * before + "geheimnis and more")
        assert "geh" not in said
        assert len(said) <= 300


@pytest.mark.parametrize(
    ("one", "other", "route"),
    [
        ((11, [11, 11, 11]), (12, [12, 12, 12]), Route.STRAIGHT),
        ((91, [11, 11, 11]), (92, [12, 12, 12]), Route.SESSION_POOLER),
        ((91, [11, 11, 11]), (92, [11, 11, 11]), Route.TRANSACTION_POOLER),
        ((91, [11, 13, 15]), (92, [12, 14, 16]), Route.TRANSACTION_POOLER),
    ],
)
def test_a_pooler_is_known_by_the_sessions_it_lends(
    one: tuple[int, list[int]], other: tuple[int, list[int]], route: Route
) -> None:
    clients = iter([a_client(*one), a_client(*other)])
    assert route_by(lambda: next(clients)) is route


def a_client(told: int, lent: list[int]) -> AbstractContextManager[Any]:
    """A session that was told one process id when it logged in, and finds others when it asks."""
    pids = iter(lent)

    def execute(*_query: Any, **_options: Any) -> Any:
        return SimpleNamespace(fetchone=lambda: (next(pids),))

    return nullcontext(SimpleNamespace(info=SimpleNamespace(backend_pid=told), execute=execute))


@pytest.mark.anyio
@pytest.mark.usefixtures("_at_home")
async def test_a_process_holds_as_many_connections_outside_its_pool_as_the_budget_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With everything lent that the job library's own pool has."""
    made: list[PsycopgConnector] = []

    def connector(**options: Any) -> PsycopgConnector:
        made.append(PsycopgConnector(**options))
        return made[-1]

    monkeypatch.setattr(worker, "PsycopgConnector", connector)
    keeper, jobs = Keeper(), JobWorker()
    await keeper.start()
    jobs.start()
    try:
        await _until(lambda: _sessions("poolgate listener") == LISTENER_CONNECTIONS)
        await _until(lambda: bool(made) and made[0]._async_pool is not None and _sessions("poolgate jobs") >= 2)
        async with AsyncExitStack() as lent:
            for _ in range(made[0].pool.max_size):
                await lent.enter_async_context(made[0].pool.connection())
            await _until(lambda: _sessions("poolgate jobs") == JOB_CONNECTIONS)
    finally:
        await jobs.stop()
        await keeper.stop()


def _sessions(application: str) -> int:
    with a_bystander() as bystander:
        row = bystander.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
            [application],
        ).fetchone()
    return int(row[0]) if row else 0


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(happened):
            await asyncio.sleep(0.02)


# --- The process -----------------------------------------------------------------------------------------------------


def test_a_workers_start_is_rehearsed_as_gunicorn_reads_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "3")
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    run = rehearse()
    assert isinstance(run, Rehearsal)
    assert (run.workers, run.worker_class, run.lifespan, run.preload_app) == (3, "asgi", "on", False)
    assert (run.threads, run.sockets, run.loops) == ((), 0, ())
    assert (run.descriptors > 0, run.metrics) == (True, "off")


def test_what_is_made_too_early_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/no such folder")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--preload --workers 5")
    run = rehearse(["tests.doctor.careless:application"])
    assert isinstance(run, Rehearsal)
    assert (run.workers, run.preload_app, run.metrics) == (5, True, "broken")
    assert (run.threads, run.sockets) == (("too early",), 3)  # one of its own, and the two of the loop's wake-up pipe
    assert run.loops == ("_UnixSelectorEventLoop",)


def test_a_gateway_that_cannot_be_loaded_is_told_with_its_last_words() -> None:
    run = rehearse(["tests.doctor.nowhere:application"])
    assert isinstance(run, NotSeen)
    assert "No module named 'tests.doctor.nowhere'" in run.detail


def test_a_gateway_that_has_the_last_word_itself_is_told_so() -> None:
    run = rehearse(["tests.doctor.chatty:application"])
    assert isinstance(run, NotSeen)
    assert "good bye" in run.detail


# --- From outside ----------------------------------------------------------------------------------------------------


class Proxy(http.server.BaseHTTPRequestHandler):
    server_version, sys_version = "nginx/1.27", ""

    def do_GET(self) -> None:
        body = b'{"status":"alive"}'
        self.send_response({"/gw/livez": 200, "/gw/login": 400}[self.path])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_line: Any) -> None:
        pass


@contextmanager
def a_proxy() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/gw"
        finally:
            server.shutdown()
            thread.join()


def test_an_address_is_asked_as_clients_ask_it() -> None:
    with a_proxy() as url:
        front = look_from_outside(url)
    assert isinstance(front, Front)
    assert (front.livez.status, front.livez.body, front.login.status) == (200, '{"status":"alive"}', 400)
    assert front.livez.headers["server"].strip() == "nginx/1.27"
    gone = look_from_outside(url)
    assert isinstance(gone, NotSeen)
    assert "refused" in gone.detail
