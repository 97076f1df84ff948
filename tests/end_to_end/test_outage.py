"""A database that goes away and comes back: what goes on working, what says 503, and that nobody has to help."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.core.management import call_command

from gatewaysite.embedded import serve
from tests.end_to_end.conftest import registered
from tests.gateway_process import ROOT, GatewayProcess, serving

TOKEN = "an-administrators-token-of-the-outage-test"
PASSWORD = "the-administrators-of-the-outage-test"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "far-echo", "arguments": {}}}
ANSWERS: dict[str, Any] = {
    "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}},
    "tools/list": {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]},
    "tools/call": {"content": [{"type": "text", "text": "still here"}]},
}


class Upstream(BaseHTTPRequestHandler):
    """A modern server with one tool, which is as slow as it is asked to be."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        time.sleep(message["params"].get("arguments", {}).get("seconds", 0))
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": ANSWERS[message["method"]]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def upstream_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/mcp"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of these tests' own, migrated, with an administrator's token in it; not running."""
    folder = tmp_path_factory.mktemp("outage")
    with serve(folder / "database") as url:
        manage(url, "migrate")
        manage(url, "gateway", "bootstrap")
    return folder


class Database:
    """Stops and starts it, with the same data and address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "database"
        self._running = ExitStack()
        self.url = ""

    def start(self) -> None:
        self.url = self._running.enter_context(serve(self._folder))

    def stop(self) -> None:
        self._running.close()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Nothing of it runs: it accepts connections, as the kernel does that for it, and says nothing."""
        postmaster = int((self._folder / "postgres" / "postmaster.pid").read_text().split()[0])
        stopped = [postmaster]
        os.kill(postmaster, signal.SIGSTOP)
        try:
            for pid in children_of(postmaster):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
            yield
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def children_of(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"\nPPid:\t{parent}\n" in status.read_text():
                found.append(int(status.parent.name))
    return found


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    database = Database(folder)
    database.start()
    yield database
    database.stop()


def manage(url: str, *command: str) -> None:
    told = {
        "DATABASE_URL": url,
        "SECRET_KEY": "only-for-tests",
        "GATEWAY_BOOTSTRAP_TOKEN": TOKEN,
        "ADMIN_PASSWORD": PASSWORD,
    }
    whole = [sys.executable, "manage.py", *command]
    subprocess.run(whole, cwd=ROOT, env=os.environ | told, check=True, capture_output=True)


def post(gateway: GatewayProcess, message: object, token: str = TOKEN) -> httpx.Response:
    return httpx.post(gateway.url + "/mcp", json=message, headers={"authorization": f"Bearer {token}"}, timeout=20)


def is_503_of_the_database(answer: httpx.Response) -> bool:
    """With a reason and a time to come back, in the shape of JSON-RPC or of the JSON endpoints."""
    body = answer.json()
    said = body.get("error", {}).get("data") or body
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    return bool(said["reason"].startswith("db_") and said["retry_after_seconds"])


def calls_recorded(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM proxy_app_call WHERE outcome = 'ok'").fetchone()
    assert found is not None
    return int(found[0])


def test_the_gateway_lives_through_an_outage(folder: Path, database: Database, upstream_url: str) -> None:
    with serving(database.url, folder, DB_POOL_TIMEOUT="2") as gateway:
        assert registered(gateway, TOKEN, upstream_url, name="far")["status"] == "active"
        before = calls_recorded(database.url)
        for client in gateway.workers().values():
            answer = client.post("/mcp", json=CALL, headers={"authorization": f"Bearer {TOKEN}"})
            assert answer.json()["result"] == ANSWERS["tools/call"]

        database.stop()
        gone = time.monotonic()
        for _ in range(20):
            began = time.monotonic()
            assert post(gateway, CALL).json()["result"] == ANSWERS["tools/call"]
            assert time.monotonic() - began < 1
        assert gateway.get("/livez").status_code == 200
        assert is_503_of_the_database(gateway.get("/tools", TOKEN))
        assert is_503_of_the_database(gateway.get("/tools", "unknown"))
        assert is_503_of_the_database(post(gateway, PING, "unknown"))
        assert is_503_of_the_database(gateway.get("/metrics", "unknown"))
        gateway.until("/health", lambda answer: answer.json()["status"] == "degraded", 20)
        ready = gateway.get("/readyz")
        assert (ready.status_code, ready.json()["database"]) == (200, "not_answering")
        headers = {"authorization": f"Bearer {TOKEN}"}
        written = httpx.post(
            gateway.url + "/gateways", json={"name": "x", "url": upstream_url}, headers=headers, timeout=20
        )
        assert is_503_of_the_database(written)
        assert time.monotonic() - gone < 40

        database.start()
        back = time.monotonic()
        for client in gateway.workers().values():
            headers = {"authorization": f"Bearer {TOKEN}"}
            while (
                client.get("/tools", headers=headers).status_code != 200
                or client.get("/health").json()["status"] != "healthy"
                or client.post("/mcp", json=PING, headers={"authorization": "Bearer unknown"}).status_code != 401
            ):
                assert time.monotonic() - back < 40
                time.sleep(0.05)
        while calls_recorded(database.url) < before + 22:
            assert time.monotonic() - back < 60
            time.sleep(0.1)
        assert calls_recorded(database.url) == before + 22
        # And it follows the database again: jobs, changes, everything.
        assert registered(gateway, TOKEN, upstream_url, name="near")["status"] == "active"
        assert post(gateway, CALL | {"params": {"name": "near-echo"}}).json()["result"] == ANSWERS["tools/call"]


def test_a_gateway_that_starts_before_its_database_waits_for_it(folder: Path, database: Database) -> None:
    url = database.url
    database.stop()
    with serving(url, folder, until_ready=False, DB_POOL_TIMEOUT="1", WORKERS="1") as gateway:
        assert gateway.get("/livez").status_code == 200
        ready = gateway.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"]) == (503, ["no_snapshot"])
        assert is_503_of_the_database(post(gateway, PING))  # nobody knows yet whether the token is good
        assert is_503_of_the_database(gateway.get("/tools", TOKEN))
        database.start()
        gateway.until("/readyz", lambda answer: answer.status_code == 200, 40)
        assert post(gateway, PING).json()["result"] == {}
        gateway.until("/tools", lambda answer: answer.status_code == 200, 40, token=TOKEN)


def test_connections_and_upstreams_can_be_looked_at_while_the_database_hangs(folder: Path, database: Database) -> None:
    call_command("collectstatic", interactive=False, verbosity=0)
    with serving(database.url, folder, WORKERS="1") as gateway, signed_in(gateway) as browser:
        assert browser.get("/admin/connections").status_code == 200
        with database.hanging():
            until = time.monotonic() + 12  # it is asked twice meanwhile
            while time.monotonic() < until:
                began = time.monotonic()
                for path in ("/admin/connections", "/admin/upstreams"):
                    page = browser.get(path)
                    assert (page.status_code, "admin@example.com" in page.text) == (200, True)
                assert time.monotonic() - began < 3
                time.sleep(1)
        gateway.until("/health", lambda answer: answer.json()["status"] == "healthy", 30)
        assert browser.get("/admin/connections").status_code == 200
        assert browser.get("/admin/tools").status_code == 200
        # What was tried meanwhile is over, and no session of the server's is left of it.
        assert backends(database.url, "poolgate listener") == 1


@contextmanager
def signed_in(gateway: GatewayProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=20, headers={"referer": gateway.url}) as browser:
        token = browser.get("/login").text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        form = {"login": "admin@example.com", "password": PASSWORD, "csrfmiddlewaretoken": token}
        assert browser.post("/login", data=form).status_code == 303
        yield browser


def backends(url: str, name: str = "poolgate%") -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s AND datname = %s",
            [name, connection.info.dbname],
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_a_gateway_that_is_asked_to_stop_finishes_what_it_began(
    folder: Path, database: Database, upstream_url: str
) -> None:
    with serving(database.url, folder, WORKERS="1") as gateway, ThreadPoolExecutor(1) as threads:
        registered(gateway, TOKEN, upstream_url, name="slow")
        before = calls_recorded(database.url)
        slow = CALL | {"params": {"name": "slow-echo", "arguments": {"seconds": 1.5}}}
        calling = threads.submit(post, gateway, slow)
        time.sleep(0.5)
        gateway.process.terminate()
        assert calling.result(30).json()["result"] == ANSWERS["tools/call"]
        assert gateway.process.wait(30) == 0
        assert calls_recorded(database.url) == before + 1
        assert backends(database.url) == 0
    assert "Traceback" not in gateway.said()


def test_what_does_not_end_in_time_is_ended_with_an_error_and_costs_nothing_else(
    folder: Path, database: Database, upstream_url: str
) -> None:
    with (
        serving(database.url, folder, WORKERS="1", GRACEFUL_TIMEOUT="1") as gateway,
        ThreadPoolExecutor(2) as threads,
    ):
        registered(gateway, TOKEN, upstream_url, name="endless")
        before = calls_recorded(database.url)
        calls = [CALL | {"params": {"name": "endless-echo", "arguments": {"seconds": s}}} for s in (1.2, 20)]
        ends, never_ends = (threads.submit(post, gateway, call) for call in calls)
        time.sleep(0.5)
        gateway.process.terminate()
        assert ends.result(10).json()["result"] == ANSWERS["tools/call"]
        assert gateway.process.wait(30) == 0
        assert "error" in never_ends.result(1).json()  # told, not only hung up on
        assert calls_recorded(database.url) >= before + 1
        assert backends(database.url) == 0
    assert "Forcing close" in gateway.said()
    assert "SIGKILL" not in gateway.said()
