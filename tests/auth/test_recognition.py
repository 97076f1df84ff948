"""An administrator who was here a moment ago is recognised while the database cannot say who is asking."""

import threading
import time
from collections.abc import Callable, Iterator
from threading import Event
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.core import signing
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from auth_app import recognition
from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.recognition import ASKERS, COOKIE, FOLDER, SALT
from gatewaysite.db import ledger
from gatewaysite.errors import Denied, PoolFull
from proxy_app.dataplane.lines import line_of
from tests.builders import an_admin
from tests.pages.conftest import Visitor, admin, anonymous, guest

__all__ = ["admin", "anonymous", "guest"]

PAGE = "/admin/connections"


@pytest.fixture(autouse=True)
def _no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition._trouble, "until", 0.0)


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's word is too old to be taken when it can be asked."""
    monkeypatch.setattr(recognition, "FRESH_FOR_S", -1.0)


class Database:
    """What asking it ends in, and how often it was asked."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self._patch = patch

    def fails(self, error: Exception) -> None:
        def ask(_request: Any) -> Any:
            self.asked += 1
            raise error

        self._patch.setattr(recognition, "actor_of", ask)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database(monkeypatch)


def hung_up() -> OperationalError:
    error = OperationalError("gone")
    error.__cause__ = psycopg.OperationalError("gone")
    return error


def status(visitor: Visitor, **headers: str) -> int:
    return int(visitor.get(PAGE, **headers).status_code)


def test_the_second_look_within_seconds_asks_no_database(admin: Visitor) -> None:
    assert status(admin) == 200
    with CaptureQueriesContext(connection) as captured:
        page = admin.text(PAGE)
    assert len(captured) == 0
    assert "admin@example.com" in page


@pytest.mark.usefixtures("stale")
def test_after_that_it_is_asked_again(admin: Visitor, database: Database) -> None:
    assert status(admin) == 200
    database.fails(RuntimeError("asked"))
    with pytest.raises(RuntimeError, match="asked"):
        status(admin)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stale")
def test_who_was_locked_out_or_lost_the_role_is_refused(admin: Visitor) -> None:
    assert status(admin) == 200
    admin.user.is_admin = False
    admin.user.save()
    assert status(admin) == 403
    admin.user.is_admin, admin.user.is_active = True, False
    admin.user.save()
    assert admin.get(PAGE)["Location"].startswith("/login")


@pytest.mark.usefixtures("stale")
@pytest.mark.parametrize("error", [PoolFull(), hung_up()])
def test_while_the_database_does_not_answer_its_last_word_counts(
    admin: Visitor, database: Database, error: Exception
) -> None:
    assert status(admin) == 200
    database.fails(error)
    assert [status(admin) for _ in range(3)] == [200, 200, 200]
    assert database.asked == 1  # and it is left alone for a while


class Hanging:
    """A database that says nothing until it is released."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.released = Event()
        patch.setattr(recognition, "actor_of", self._ask)
        patch.setattr(recognition, "ANSWERS_WITHIN_S", 0.05)
        patch.setattr(recognition, "LEAVES_ALONE_FOR_S", 0.0)

    def _ask(self, _request: Any) -> Actor:
        self.asked += 1
        assert self.released.wait(20)
        raise PoolFull

    @property
    def waiting(self) -> int:
        return sum(thread.name == "recognition" for thread in threading.enumerate())


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    hanging = Hanging(monkeypatch)
    yield hanging
    hanging.released.set()
    until(lambda: hanging.waiting == 0)


def until(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


@pytest.fixture
def confirmed(admin: Visitor) -> Visitor:
    assert status(admin) == 200
    return admin


@pytest.mark.usefixtures("stale")
def test_a_database_that_says_nothing_is_not_waited_for(confirmed: Visitor, hanging: Hanging) -> None:
    began = time.monotonic()
    assert [status(confirmed) for _ in range(5)] == [200] * 5
    assert time.monotonic() - began < 10
    assert (hanging.asked, hanging.waiting) == (ASKERS, ASKERS) == (2, 2)  # the others were not sent after them


@pytest.mark.usefixtures("stale")
def test_when_it_speaks_again_it_is_asked_again(
    confirmed: Visitor, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [status(confirmed) for _ in range(3)] == [200] * 3
    hanging.released.set()
    until(lambda: hanging.waiting == 0)
    monkeypatch.setattr(recognition, "actor_of", denied)
    monkeypatch.setattr(recognition, "ANSWERS_WITHIN_S", 10)
    assert status(confirmed) == 403


def denied(_request: Any) -> Actor:
    raise Denied("no longer")


@pytest.mark.usefixtures("stale")
def test_after_trouble_that_was_silent_it_is_left_alone_as_well(
    confirmed: Visitor, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "LEAVES_ALONE_FOR_S", 5.0)
    assert [status(confirmed) for _ in range(5)] == [200] * 5
    assert hanging.asked == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stale")
def test_asking_keeps_no_connection_and_tells_who_it_was(admin: Visitor) -> None:
    before = len(ledger.held())
    for _ in range(5):
        assert "admin@example.com" in admin.text(PAGE)
    assert len(ledger.held()) == before


class Taken:
    """A connection that is out, or somebody who waits for one."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.holder = connection


@pytest.mark.usefixtures("stale")
@pytest.mark.parametrize(
    ("held_s", "waited_s", "asked"),
    [
        ([5.0, 4.0, 3.0], [], 0),
        ([5.0, 4.0], [0.6], 0),
        ([5.0, 4.0, 0.01], [], 1),
        ([0.02, 0.01, 0.0], [0.1, 0.05], 1),
        ([5.0, 4.0], [], 1),
    ],
    ids=["all out, none came back", "somebody waits long", "one comes and goes", "only busy", "one is free"],
)
def test_a_database_is_not_waited_for_when_it_is_stuck_but_asked_when_it_is_busy(
    admin: Visitor,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    held_s: list[float],
    waited_s: list[float],
    asked: int,
) -> None:
    assert status(admin) == 200
    settings.DB_POOL_MAX = 3
    database.fails(PoolFull())
    out, waits = [Taken(seconds) for seconds in held_s], [(Taken(seconds), "connection") for seconds in waited_s]
    monkeypatch.setattr(recognition, "ledger", SimpleNamespace(held=lambda: out, waiting=lambda: waits))
    assert (status(admin), database.asked) == (200, asked)


def test_whom_nobody_recognises_does_not_wait_for_a_database_in_trouble(
    admin: Visitor, anonymous: Client, database: Database
) -> None:
    database.fails(PoolFull())
    assert [status(admin) for _ in range(3)] == [503, 503, 503]
    assert database.asked == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognition, "actor_of", actor_of)
        assert anonymous.get(PAGE)["Location"].startswith("/login")  # without a session there is nothing to ask


def test_only_those_recognised_get_the_threads_that_are_spared(admin: Visitor) -> None:
    def line(**changed: str) -> str:
        cookies = {name: morsel.value for name, morsel in admin.client.cookies.items()} | changed
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return line_of({"method": "GET", "path": PAGE, "headers": [(b"cookie", header.encode())]})

    assert line() == "main"
    assert status(admin) == 200
    assert line() == "spare"
    assert [line(sessionid="made-up"), line(**{COOKIE: "made:up:word"}), line(sessionid="", **{COOKIE: ""})] == [
        "main", "main", "main",
    ]  # fmt: skip


@pytest.mark.parametrize("other", ["/admin/upstreams", "/admin/upstreams/api.example.com"])
def test_having_been_on_one_of_these_pages_opens_the_others(admin: Visitor, database: Database, other: str) -> None:
    assert status(admin) == 200
    database.fails(RuntimeError("asked"))
    assert admin.get(other).status_code in {200, 404}
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in admin.client.cookies.items())
    assert line_of({"method": "GET", "path": other, "headers": [(b"cookie", cookies.encode())]}) == "spare"


def test_who_was_not_here_before_waits_for_the_database(admin: Visitor, database: Database) -> None:
    database.fails(PoolFull())
    assert status(admin) == 503


def test_the_last_word_is_of_use_for_minutes_and_no_longer(
    admin: Visitor, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status(admin) == 200
    database.fails(PoolFull())
    now = time.time()
    for later, expected in ((recognition.COUNTS_FOR_S - 5, 200), (recognition.COUNTS_FOR_S + 5, 503)):
        monkeypatch.setattr("django.core.signing.time.time", lambda later=later: now + later)
        assert status(admin) == expected


def test_it_is_of_use_in_one_session_only(admin: Visitor, database: Database) -> None:
    assert status(admin) == 200
    word = admin.client.cookies[COOKIE].value
    another = Visitor(an_admin("other@example.com"))
    another.client.cookies[COOKIE] = word
    database.fails(PoolFull())
    assert (status(admin), status(another)) == (200, 503)


def test_after_logging_out_it_is_deleted_and_of_no_use(admin: Visitor) -> None:
    assert status(admin) == 200
    word = admin.client.cookies[COOKIE].value
    deleted = admin.post("/logout").cookies[COOKIE]
    assert (deleted.value, deleted["max-age"], deleted["path"]) == ("", 0, FOLDER)
    admin.client.cookies[COOKIE] = word
    assert admin.get(PAGE)["Location"].startswith("/login")


@pytest.mark.parametrize(
    "word",
    ["", "nonsense", signing.dumps({"id": "x"}, salt="another"), "a:b:c"],
    ids=["no", "odd", "other salt", "parts"],
)
def test_nobody_can_make_one_up(admin: Visitor, database: Database, word: str) -> None:
    admin.client.cookies[COOKIE] = word
    assert status(admin) == 200
    admin.client.cookies[COOKIE] = word
    database.fails(PoolFull())
    assert status(admin) == 503


def test_only_administrators_are_remembered_and_only_for_pages_of_ours(admin: Visitor, guest: Visitor) -> None:
    cookie = admin.get(PAGE).cookies[COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (FOLDER, True, "Strict")
    assert cookie["max-age"] == recognition.COUNTS_FOR_S <= 5 * 60
    assert signing.loads(cookie.value, salt=SALT).keys() == {"id", "email", "session", "at"}
    assert COOKIE not in guest.get(PAGE).cookies


def test_a_token_is_never_one_of_these(admin: Visitor) -> None:
    assert status(admin) == 200
    assert status(admin, authorization="Bearer of-no-worth") in {303, 401}


def test_being_recognised_does_not_prolong_itself(admin: Visitor) -> None:
    assert COOKIE in admin.get(PAGE).cookies
    assert COOKIE not in admin.get(PAGE).cookies
