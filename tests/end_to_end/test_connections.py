"""What parks in a real gateway of two workers is seen from both, with its file and line, whatever else hangs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from auth_app.models import User
from proxy_app.models import Tool
from tests.builders import a_tool
from tests.committed import database_url
from tests.end_to_end.conftest import _using
from tests.gateway_process import GatewayProcess, serving

PAGE = "/admin/connections"
PASSWORD = "correct-horse-battery"
PARKED = "tests/observe/parked_urls.py"
THREADS, POOL = 2, 2


@pytest.fixture(scope="module")
def _parking(
    _database: str, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[GatewayProcess, Path]]:
    """A gateway with views that park, two threads for them, and as few connections."""
    folder = tmp_path_factory.mktemp("parking")
    with django_db_blocker.unblock(), _using(_database):
        url = database_url()
    call_command("collectstatic", interactive=False, verbosity=0)
    gateway = serving(
        url,
        folder,
        DJANGO_SETTINGS_MODULE="tests.observe.parked_settings",
        RUN_DIR=str(folder / "run"),
        CONTROL_PLANE_THREADS=str(THREADS),
        DB_POOL_MIN="1",
        DB_POOL_MAX=str(POOL),
        DB_LOCK_TIMEOUT="60",
        DB_STATEMENT_TIMEOUT="60",
        DB_IDLE_IN_TRANSACTION_SESSION_TIMEOUT="60",
        JOB_CONCURRENCY="0",
    )
    with gateway as process:
        yield process, folder / "run"


@pytest.fixture
def gateway(db: None, admin_token: str, _parking: tuple[GatewayProcess, Path]) -> Iterator[GatewayProcess]:
    """The one that parks, with nothing parked yet in the eyes of either worker. What is parked goes on at the end."""
    process, folder = _parking
    for client in process.workers().values():
        until_nothing_is_seen_by(client, admin_token)
    leave = folder / "leave"
    leave.unlink(missing_ok=True)
    yield process
    leave.touch()
    for thread in _asking:
        thread.join(20)
    assert not any(thread.is_alive() for thread in _asking), "something is still parked"
    _asking.clear()


_asking: list[threading.Thread] = []


def ask(request: Callable[[], Any]) -> None:
    """Send a request whose answer nobody waits for before the test has ended."""

    def send() -> None:
        with suppress(httpx.TransportError):
            request()

    _asking.append(threading.Thread(target=send))
    _asking[-1].start()


def holds_seen_by(client: httpx.Client, token: str) -> list[dict[str, Any]]:
    """The holds that this worker shows: its own, and the other's, whose word is up to half a second old."""
    answer = client.get("/ops/connections", headers={"authorization": f"Bearer {token}"})
    holds: list[dict[str, Any]] = answer.json()["holds"]
    return holds


def seen_by(
    client: httpx.Client, token: str, route: str, *, running: bool | None = None, within_s: float = 10
) -> dict[str, Any]:
    """The hold of a route as this worker shows it; with a statement under way, or without one."""
    give_up_at = time.monotonic() + within_s
    while not (
        found := [
            hold
            for hold in holds_seen_by(client, token)
            if hold["route"] == route and running in (None, hold["running"])
        ]
    ):
        assert time.monotonic() < give_up_at, f"{route} is not seen"
        time.sleep(0.03)
    return found[0]


def until_nothing_is_seen_by(client: httpx.Client, token: str, within_s: float = 10) -> None:
    give_up_at = time.monotonic() + within_s
    while holds := holds_seen_by(client, token):
        assert time.monotonic() < give_up_at, f"still seen: {holds}"
        time.sleep(0.03)


def line_of(file: str, code: str) -> int:
    return 1 + next(number for number, line in enumerate(Path(file).read_text().splitlines()) if code in line)


def test_a_view_that_rests_in_a_transaction_is_seen_from_both_workers(
    gateway: GatewayProcess, admin_token: str
) -> None:
    ask(lambda: gateway.get("/parked/idle", admin_token))
    holds = [seen_by(client, admin_token, "parked-idle") for client in gateway.workers().values()]
    assert holds[0]["process"] == holds[1]["process"]
    for hold in holds:
        assert (hold["file"], hold["line"]) == (PARKED, line_of(PARKED, "with transaction.atomic():"))
        assert hold["function"] == "idle"
    (shown,) = gateway.until("/ops/connections", rests, token=admin_token).json()["holds"]
    assert (shown["in_transaction"], shown["running"]) == (True, False)
    assert shown["statement"] == "SELECT count(*) FROM auth_app_user WHERE email = ?"
    assert shown["idle_ms"] > shown["statements_ms"]


def rests(answer: httpx.Response) -> bool:
    """It may have been over its budget before."""
    return any(hold["broken"] == "idle_in_transaction" for hold in answer.json()["holds"])


def test_a_statement_that_takes_long_is_seen_as_used_and_its_value_is_not(
    gateway: GatewayProcess, admin_token: str
) -> None:
    ask(lambda: gateway.get("/parked/statement?s=10", admin_token))
    for client in gateway.workers().values():
        hold = seen_by(client, admin_token, "parked-statement", running=True)
        assert (hold["file"], hold["line"]) == (PARKED, line_of(PARKED, "with connection.cursor()"))
    assert (hold["running"], hold["broken"], hold["statement"]) == (True, None, "SELECT pg_sleep(%s), ?")
    # The backend it names is the one that is busy.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_cancel_backend(%s)", [hold["backend_pid"]])


def test_a_real_endpoint_that_waits_for_a_lock_is_seen_with_who_asked(
    gateway: GatewayProcess, admin: User, admin_token: str
) -> None:
    tool = a_tool()
    headers, body = {"authorization": f"Bearer {admin_token}"}, {"description": "a secret"}
    with transaction.atomic():
        Tool.objects.select_for_update().get(pk=tool.pk)
        ask(lambda: httpx.put(f"{gateway.url}/tools/{tool.pk.hex}", json=body, headers=headers, timeout=20))
        (looker, *_) = gateway.workers().values()
        hold = seen_by(looker, admin_token, "api-tools-item", running=True)
    assert hold["file"].startswith("proxy_app/registry/")
    assert hold["in_transaction"]
    assert hold["broken"] in (None, "over_budget")
    name, _, domain = admin.email.partition("@")
    assert hold["who"] == f"{name[0]}…@{domain}"
    assert "secret" not in hold["statement"]


def test_while_all_threads_and_all_connections_are_taken_the_page_opens(
    gateway: GatewayProcess, admin: User, admin_token: str
) -> None:
    with signed_in(gateway, admin) as browser:
        assert browser.get(PAGE).status_code == 200
        gateway.until("/ops/connections", all_rest_or_more_come(gateway), 30, token=admin_token)
        give_up_at = time.monotonic() + 10
        # The other worker's word is up to half a second old.
        while "4 connections idle in transaction, the longest for" not in (page := browser.get(PAGE)).text:
            assert (page.status_code, time.monotonic() < give_up_at) == (200, True)
        assert page.text.count("all out") == 2
        assert browser.get("/admin/upstreams").status_code == 200
        style = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        assert browser.get(style).status_code == 200


def all_rest_or_more_come(gateway: GatewayProcess) -> Callable[[httpx.Response], bool]:
    """Which worker gets a request is the kernel's choice."""
    come = 0

    def all_rest(answer: httpx.Response) -> bool:
        nonlocal come
        broken = [hold["broken"] for hold in answer.json()["holds"]]
        if len(broken) < 2 * POOL and come < 100:
            come += 1
            ask(lambda: gateway.get("/parked/idle"))
        return broken == ["idle_in_transaction"] * 2 * POOL

    return all_rest


@contextmanager
def signed_in(gateway: GatewayProcess, user: User) -> Iterator[httpx.Client]:
    user.set_password(PASSWORD)
    user.save()
    with httpx.Client(base_url=gateway.url, timeout=20, headers={"referer": gateway.url}) as browser:
        token = browser.get("/login").text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        form = {"login": user.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
        assert browser.post("/login", data=form).status_code == 303
        yield browser
