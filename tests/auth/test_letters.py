"""Letters: where their links lead, that nobody waits for them, and what happens when they cannot be sent."""

import re
import threading
import time
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from auth_app import outbox
from auth_app.models import User
from proxy_app.observe.metrics import LETTERS
from tests.auth.conftest import PASSWORD, log_in, send

# The real one: tests/conftest.py has put another in its place by the time a test runs.
WRITE_SOON = outbox.write_soon


def counted(outcome: str) -> float:
    """As the metric has it, which counts from the moment its module is there."""
    samples = (sample for metric in LETTERS.collect() for sample in metric.samples)
    found = (one.value for one in samples if one.name.endswith("_total") and one.labels == {"outcome": outcome})
    return next(found, 0.0)


@pytest.mark.django_db
def test_links_begin_with_the_public_address_whatever_host_was_asked(person: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://gate.example.com"
    settings.ALLOWED_HOSTS = ["evil.example.com", "127.0.0.1"]
    browser = Client(headers={"host": "evil.example.com", "x-forwarded-host": "evil.example.com"})
    browser.post("/login/forgot", {"email": person.email})
    log_in_and_move(browser, person)
    assert len(mail.outbox) == 2
    for letter in mail.outbox:
        assert "evil" not in str(letter.body)
        assert re.search(r"^  https://gate\.example\.com/login/", str(letter.body), re.MULTILINE)


def log_in_and_move(browser: Client, person: User) -> None:
    browser.post("/login", {"login": person.email, "password": PASSWORD})
    form = {"action_add": "yes", "email": "moved@example.com", "password": PASSWORD}
    assert browser.post("/admin/profile/email", form).status_code == 303


@pytest.mark.django_db
def test_a_link_is_sent_in_one_piece(browser: Client, person: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://gate.of-a-company-with-a-long-name.example.com"
    send(browser, "/login/forgot", {"email": person.email})
    (letter,) = mail.outbox
    sent = letter.message().as_string()
    assert "Content-Transfer-Encoding: quoted-printable" not in sent
    assert re.search(
        r"^  https://gate\.of-a-company-with-a-long-name\.example\.com/login/reset/\S{60,}$", sent, re.MULTILINE
    )


@pytest.mark.django_db
def test_a_host_nobody_named_is_refused(person: User) -> None:
    answer = Client(headers={"host": "evil.example.com"}).post("/login/forgot", {"email": person.email})
    assert answer.status_code == 400
    assert mail.outbox == []


@pytest.mark.django_db
def test_a_mail_server_that_fails_is_counted_and_shown_to_nobody(
    browser: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Any, *_args: Any, **_how: Any) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    before = counted("failed")
    answer = send(browser, "/login/forgot", {"email": "person@example.com"})
    assert (answer.status_code, answer["Location"]) == (303, "/login/forgot/sent")
    assert counted("failed") == before + 1


@pytest.mark.django_db(transaction=True)
def test_the_answer_does_not_wait_for_the_mail_server_nor_for_finding_out_who_it_is(
    browser: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, written = threading.Event(), threading.Event()

    def hang(_template: str, to: str, _context: Any) -> bool:
        assert hangs.wait(20)
        assert to == "person@example.com"
        written.set()
        return True

    monkeypatch.setattr("auth_app.mail.send", hang)
    monkeypatch.setattr(outbox, "write_soon", WRITE_SOON)
    began = time.monotonic()
    for email in ("person@example.com", "nobody@example.com", "person@example.com"):
        assert send(browser, "/login/forgot", {"email": email}).status_code == 303
    assert time.monotonic() - began < 10, "it waited for the mail server"
    assert not written.is_set()
    hangs.set()
    assert written.wait(20)


def test_a_full_outbox_drops_letters_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_places", threading.BoundedSemaphore(1))
    outbox._places.acquire()
    before = counted("dropped")
    WRITE_SOON(lambda: None)
    assert counted("dropped") == before + 1


def test_one_letter_that_cannot_be_written_does_not_keep_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = threading.Event()

    def send_it(*_letter: Any) -> bool:
        sent.set()
        return True

    monkeypatch.setattr("auth_app.mail.send", send_it)

    def broken() -> None:
        raise RuntimeError("no such template")

    before = counted("failed")
    WRITE_SOON(broken)
    WRITE_SOON(lambda: ("password_reset", "ann@example.com", {}))
    assert sent.wait(20)
    assert counted("failed") == before + 1


@pytest.mark.django_db
def test_hostile_text_stays_text_on_its_line(browser: Client, person: User) -> None:
    browser.defaults["HTTP_USER_AGENT"] = "evil\r\nBcc: everybody@example.com"
    log_in(browser)
    send(
        browser,
        "/admin/profile/password",
        {"oldpassword": PASSWORD, "password1": "a quite new passphrase", "password2": "a quite new passphrase"},
    )
    letter = mail.outbox[-1]
    assert letter.recipients() == ["person@example.com"]
    assert "With: evilBcc: everybody@example.com" in str(letter.body)


def test_at_the_end_what_waits_is_sent_and_what_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def send_it(_template: str, to: str, _context: Any) -> bool:
        sent.append(to)
        return True

    monkeypatch.setattr("auth_app.mail.send", send_it)
    for _ in range(3):
        WRITE_SOON(lambda: ("password_reset", "ann@example.com", {}))
    outbox.close()
    assert sent == ["ann@example.com"] * 3
    hangs = threading.Event()
    monkeypatch.setattr(outbox, "ENDS_WITHIN_S", 0.05)
    monkeypatch.setattr("auth_app.mail.send", lambda *_letter: hangs.wait(20))
    for _ in range(2):
        WRITE_SOON(lambda: ("password_reset", "ann@example.com", {}))
    began = time.monotonic()
    outbox.close()
    assert time.monotonic() - began < 10
    hangs.set()
