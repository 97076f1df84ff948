"""What holds for every form and every `next` of people's pages: no other site sends one, and none leads elsewhere."""

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern
from pytest_django import Settings

from auth_app.models import User
from auth_app.urls import api_urlpatterns, page_urlpatterns
from tests.auth.conftest import NEW, PASSWORD, log_in, send
from tests.builders import a_user, an_admin

pytestmark = pytest.mark.django_db

# What programs call with a secret of their own, and no cookie opens.
FOR_PROGRAMS = {"oauth-token", "oauth-revoke", "oauth-register"}
ELSEWHERE = ["//evil.example.com", "https://evil.example.com", "/\\evil.example.com", "\t//evil.example.com",
             "https:evil.example.com", "http://127.0.0.1:8000@evil.example.com", "javascript:alert(1)"]  # fmt: skip


def path_of(route: URLPattern) -> str:
    """With something in each place; of a pattern that is no route, with what its groups take."""
    return "/" + re.sub(r"\^|\$|\\Z|<int:\w+>|<\w+(?::\w+)?>|\(\?P[^)]*\)", _filled, str(route.pattern))


def _filled(place: re.Match[str]) -> str:
    text = place[0]
    if text in ("^", "$", "\\Z"):
        return ""
    return "1" if text.startswith("<int") else "unlock" if "action" in text else "x"


FORMS = list({path_of(route): route for route in page_urlpatterns if route.name not in FOR_PROGRAMS}.values())
ENDPOINTS = list({path_of(route): route for route in api_urlpatterns}.values())


@pytest.mark.parametrize("route", FORMS, ids=path_of)
def test_a_form_from_another_site_is_refused(route: URLPattern, settings: Settings) -> None:
    settings.ALLOW_SIGN_UP = True
    strict = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1:8000"})
    strict.force_login(an_admin())
    path = path_of(route)
    assert strict.post(path).status_code == 403
    strict.get("/admin/profile")
    stolen = {"csrfmiddlewaretoken": strict.cookies["csrftoken"].value}
    assert strict.post(path, stolen, headers={"origin": "https://evil.example.com"}).status_code == 403


@pytest.mark.parametrize("route", ENDPOINTS, ids=path_of)
def test_nor_is_json_taken_from_a_browser_without_its_token(route: URLPattern) -> None:
    strict = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1:8000"})
    strict.force_login(an_admin())
    for method in ("post", "put", "patch", "delete"):
        for content_type in ("application/json", "text/plain"):
            answer = getattr(strict, method)(path_of(route), "{}", content_type=content_type)
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_form_leads_to_another_site(browser: Client, person: User, target: str, settings: Settings) -> None:
    settings.ALLOW_SIGN_UP = True
    led: list[Any] = [
        log_in(browser, next=target),
        send(browser, "/admin/profile/password", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW,
                                                  "next": target}),
        send(browser, "/admin/profile/email", {"action_add": "yes", "email": "b@example.com", "password": NEW,
                                               "next": target}),
    ]  # fmt: skip
    send(browser, "/logout", {"next": target}, page="/admin/profile")
    led += [
        send(browser, "/login/forgot", {"email": person.email, "next": target}),
        send(browser, "/login/sign-up", {"email": "c@example.com", "password1": PASSWORD, "next": target}),
    ]
    for answer in led:
        assert answer.status_code == 303
        assert answer["Location"].startswith("/")
        assert not answer["Location"].startswith(("//", "/\\"))
        assert "evil" not in answer["Location"].split("?")[0]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_logging_out_leads_to_the_log_in(browser: Client, person: User, target: str) -> None:
    log_in(browser)
    answer = send(browser, "/logout", {"next": target}, page="/admin/profile")
    assert answer["Location"] == "/login"


def test_every_page_is_refused_to_be_framed_and_to_be_kept(browser: Client, person: User, settings: Settings) -> None:
    settings.ALLOW_SIGN_UP = True
    log_in(browser)
    for path in ("/login", "/login/forgot", "/login/sign-up", "/admin/profile", "/admin/profile/password"):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert "private" in answer["Cache-Control"] or "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1.evil.example.com", "[::1].evil", "localhost:99999x"])
def test_no_other_host_is_answered(host: str) -> None:
    for path in ("/login", "/login/forgot", "/auth/login", "/admin/users"):
        assert Client(headers={"host": host}).get(path).status_code == 400


def test_a_refusal_changes_nothing_and_makes_no_session(person: User) -> None:
    before = Session.objects.count()
    guest = Client(enforce_csrf_checks=True)
    guest.post("/login", {"login": person.email, "password": PASSWORD})
    guest.post("/auth/login", {"email": person.email, "password": "wrong"}, "application/json")
    guest.post("/auth/email/forgot-password", {"email": person.email}, "application/json")
    assert Session.objects.count() == before
    assert a_user().is_active
