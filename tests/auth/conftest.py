"""Browsers, which bring cookies and must bring a CSRF token, and people to sign in."""

import re
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.mail import EmailMessage
from django.test import Client

from auth_app.models import User
from tests.builders import a_user

PASSWORD = "correct horse battery"
SUBMIT_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')

COSTS = {"time_cost": 1, "memory_cost": 64, "parallelism": 1}


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashed in a millisecond; the real cost is half a second of all cores."""
    for name, cost in COSTS.items():
        monkeypatch.setattr(Argon2PasswordHasher, name, cost)


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1:8000"})


@pytest.fixture
def person(db: None) -> User:
    user = a_user("person@example.com")
    user.set_password(PASSWORD)
    user.save()
    return user


def submit_token(browser: Client, path: str = "/login") -> str:
    found = SUBMIT_TOKEN.search(browser.get(path).content.decode())
    assert found, "the page has no form with a token"
    return found[1]


def log_in(browser: Client, email: str = "person@example.com", password: str = PASSWORD, **fields: str) -> Any:
    form = {"login": email, "password": password, "csrfmiddlewaretoken": submit_token(browser)}
    return browser.post("/login", form | fields)


NEW = "a quite new passphrase"


def send(browser: Client, path: str, form: dict[str, str] | None = None, *, page: str = "") -> Any:
    """Send a form with the token of the page it is on."""
    token = submit_token(browser, page or path)
    return browser.post(path, (form or {}) | {"csrfmiddlewaretoken": token})


def link_in(letter: EmailMessage) -> str:
    """The path of the one link that leads to a form."""
    found = re.search(r"^  (\S+)$", str(letter.body), re.MULTILINE)
    assert found, letter.body
    assert found[1].startswith("http://127.0.0.1:8000/"), "not from PUBLIC_URL"
    return found[1].removeprefix("http://127.0.0.1:8000")


def another_browser() -> Client:
    return Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1:8000", "user-agent": "another"})
