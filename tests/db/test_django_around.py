"""What Django brings (test cases, sessions, log-in, a live server) on the project's own pooled database."""

import urllib.request
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import authenticate, get_user_model, login, logout
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import LiveServerTestCase, TestCase, TransactionTestCase, override_settings
from django.test.client import RequestFactory
from django.urls import path
from pytest_django import Settings

from gatewaysite.control_plane import ControlPlane
from gatewaysite.db import ledger
from gatewaysite.db.handback.base import DatabaseWrapper

EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"


def given_back() -> bool:
    return connection.connection is None


class InATestCase(TestCase):
    """The class's and the test's transactions hold one connection throughout, and nothing outlives them."""

    @classmethod
    def setUpTestData(cls) -> None:
        ContentType.objects.create(app_label="tests", model="of_the_class")

    def test_the_projects_engine_is_pooled(self) -> None:
        engine = connections["default"]
        assert isinstance(engine, DatabaseWrapper)
        assert engine.pool is not None

    def test_rows_are_undone_one(self) -> None:
        self.write_once()

    def test_rows_are_undone_two(self) -> None:
        self.write_once()

    def write_once(self) -> None:
        assert ContentType.objects.filter(app_label="tests").count() == 1
        ContentType.objects.create(app_label="tests", model="of_the_test")
        assert not given_back()

    def test_a_durable_block_is_allowed_and_keeps_the_connection(self) -> None:
        held = connection.connection
        with transaction.atomic(durable=True):
            ContentType.objects.create(app_label="tests", model="of_the_block")
        assert connection.connection is held

    def test_hooks_can_be_captured(self) -> None:
        ran: list[str] = []
        with self.captureOnCommitCallbacks(execute=True):
            transaction.on_commit(lambda: ran.append("hook"))
        assert ran == ["hook"]

    def test_query_counts_can_be_asserted(self) -> None:
        with self.assertNumQueries(2):
            ContentType.objects.count()
            ContentType.objects.count()


class InATransactionTestCase(TransactionTestCase):
    """Nothing is held between queries, and hooks run for real."""

    def test_every_query_gives_back(self) -> None:
        ContentType.objects.create(app_label="tests", model="committed")
        assert given_back()
        assert ContentType.objects.filter(app_label="tests").exists()
        assert given_back()

    def test_rows_of_the_other_test_are_flushed(self) -> None:
        assert not ContentType.objects.filter(app_label="tests").exists()

    def test_hooks_run(self) -> None:
        ran: list[str] = []
        with transaction.atomic():
            transaction.on_commit(lambda: ran.append("hook"))
        assert ran == ["hook"]
        assert given_back()


def answer(request: HttpRequest) -> HttpResponse:
    """A stock view with a query, after which it looks at its own connection."""
    count = ContentType.objects.filter(app_label="tests").count()
    return HttpResponse(f"{count} {given_back()}")


def forget(request: HttpRequest) -> HttpResponse:
    """A view that begins a transaction by hand and never ends it."""
    transaction.set_autocommit(False)
    return answer(request)


urlpatterns = [path("count", answer), path("forget", forget)]


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[])
class InALiveServer(LiveServerTestCase):
    def test_its_threads_see_committed_rows_and_give_back(self) -> None:
        ContentType.objects.create(app_label="tests", model="committed")
        with urllib.request.urlopen(f"{self.live_server_url}/count", timeout=10) as response:  # noqa: S310
            assert response.read() == b"1 True"
        assert given_back()


@pytest.mark.anyio
@pytest.mark.django_db(transaction=True)
async def test_what_a_view_left_open_is_back_before_its_answer_is_sent(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ROOT_URLCONF, settings.MIDDLEWARE = __name__, []
    plane = ControlPlane(threads=1, max_waiting=1)
    bodies: list[bytes] = []
    lent: list[int] = []

    async def send(message: Any) -> None:
        bodies.append(message.get("body", b""))
        lent.append(ledger.count("default"))

    for url in ("/forget", "/count"):
        await plane({"type": "http", "method": "GET", "path": url, "headers": [], "query_string": b""}, nothing, send)
    plane.close()
    assert b"".join(bodies) == b"0 False0 True"
    assert set(lent) == {0}
    assert "still held" in caplog.text


async def nothing() -> Any:
    """An empty request body."""
    return {"type": "http.request"}


@pytest.mark.django_db(transaction=True)
def test_a_session_is_stored_read_and_deleted_with_nothing_held_between() -> None:
    store = SessionStore()
    store["colour"] = "green"
    store.save()
    assert given_back()
    again = SessionStore(store.session_key)
    assert again["colour"] == "green"
    assert given_back()
    again.cycle_key()
    assert given_back()
    again.flush()
    assert given_back()
    assert not SessionStore().exists(store.session_key or "")
    assert given_back()


@pytest.fixture
def user(transactional_db: None) -> Any:
    return get_user_model().objects.create_user(EMAIL, PASSWORD)


def a_request() -> WSGIRequest:
    request = RequestFactory().get("/")
    request.session = SessionStore()
    return request


@pytest.mark.django_db(transaction=True)
def test_log_in_and_log_out_hold_nothing_between_their_queries(user: Any) -> None:
    found = authenticate(None, email=EMAIL, password=PASSWORD)
    assert found == user
    assert given_back()
    assert authenticate(None, email=EMAIL, password="wrong") is None
    assert given_back()
    request = a_request()
    login(request, user)
    request.session.save()
    assert given_back()
    assert SessionStore(request.session.session_key)["_auth_user_id"] == str(user.pk)
    logout(request)
    assert given_back()


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_a_password_is_hashed(user: Any) -> None:
    """Hashing takes longer than any query; a pool held meanwhile would make log-ins its limit."""
    held: list[bool] = []

    def slow_check(*_: object, **__: object) -> bool:
        held.append(not given_back())
        return True

    with mock.patch.object(get_user_model(), "check_password", slow_check):
        assert authenticate(None, email=EMAIL, password="anything") == user
    assert held == [False]
