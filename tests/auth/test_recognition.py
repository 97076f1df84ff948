"""An administrator who was here a moment ago is recognised while the database cannot say who is asking."""

import time
from typing import Any

import psycopg
import pytest
from django.core import signing
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from auth_app import recognition
from auth_app.recognition import COOKIE, SALT
from gatewaysite.errors import PoolFull
from tests.builders import an_admin
from tests.pages.conftest import Visitor, admin, guest

__all__ = ["admin", "guest"]

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


@pytest.mark.usefixtures("stale")
def test_a_pool_that_is_all_out_is_not_waited_for(
    admin: Visitor, database: Database, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    assert status(admin) == 200
    database.fails(PoolFull())
    monkeypatch.setattr("gatewaysite.db.ledger.count", lambda _alias: settings.DB_POOL_MAX)
    assert (status(admin), database.asked) == (200, 0)


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


def test_after_logging_out_it_is_of_no_use(admin: Visitor) -> None:
    assert status(admin) == 200
    word = admin.client.cookies[COOKIE].value
    admin.post("/logout")
    admin.client.cookies[COOKIE] = word
    assert admin.get(PAGE)["Location"].startswith("/login")


@pytest.mark.parametrize("word", ["", "nonsense", signing.dumps({"id": "x"}, salt="another"), "a:b:c"])
def test_nobody_can_make_one_up(admin: Visitor, database: Database, word: str) -> None:
    admin.client.cookies[COOKIE] = word
    assert status(admin) == 200
    admin.client.cookies[COOKIE] = word
    database.fails(PoolFull())
    assert status(admin) == 503


def test_only_administrators_are_remembered_and_only_for_this_page(admin: Visitor, guest: Visitor) -> None:
    cookie = admin.get(PAGE).cookies[COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (PAGE, True, "Strict")
    assert cookie["max-age"] == recognition.COUNTS_FOR_S
    assert signing.loads(cookie.value, salt=SALT).keys() == {"id", "email", "session", "at"}
    assert COOKIE not in guest.get(PAGE).cookies


def test_a_token_is_never_one_of_these(admin: Visitor) -> None:
    assert status(admin) == 200
    assert status(admin, authorization="Bearer of-no-worth") in {303, 401}


def test_being_recognised_does_not_prolong_itself(admin: Visitor) -> None:
    assert COOKIE in admin.get(PAGE).cookies
    assert COOKIE not in admin.get(PAGE).cookies
