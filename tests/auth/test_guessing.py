"""Guessing passwords: slowed down for who guesses, and not for the person whose password it is."""

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core import signing
from django.test import Client

from auth_app.login import devices
from auth_app.login.limits import attempts_of
from auth_app.models import AuthEvent, User
from tests.auth.conftest import COSTS, PASSWORD, log_in
from tests.builders import a_user

pytestmark = pytest.mark.django_db


def from_address(number: int, **more: Any) -> Client:
    return Client(REMOTE_ADDR=f"198.51.{number // 250}.{number % 250 + 1}", headers={"host": "127.0.0.1:8000"}, **more)


def guess(client: Client, email: str = "person@example.com", password: str = "") -> Any:
    return client.post("/login", {"login": email, "password": password or "a guess"})


def people(number: int) -> list[str]:
    return [a_user(f"person{one}@example.com").email for one in range(number)]


def test_a_hundred_guesses_from_one_address_get_ten_answers(person: User) -> None:
    client = from_address(1)
    codes = [guess(client).status_code for _ in range(100)]
    assert codes == [422] * 10 + [429] * 90


def test_nor_do_more_of_them_from_a_hundred_addresses(person: User) -> None:
    codes = [guess(from_address(number)).status_code for number in range(100)]
    assert codes == [422] * 10 + [429] * 90


def test_one_password_for_everybody_is_slowed_down_as_well(person: User) -> None:
    client = from_address(1)
    codes = [guess(client, email).status_code for email in people(40)]
    assert codes == [422] * 30 + [429] * 10


def test_through_json_the_same_count_goes_on(person: User) -> None:
    client = from_address(1)
    for _ in range(5):
        guess(client)
    body = {"email": person.email, "password": "a guess"}
    codes = [client.post("/auth/email/login", body, "application/json").status_code for _ in range(7)]
    assert codes == [401] * 5 + [429] * 2


def test_slow_guessing_ends_at_a_hundred_a_day(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = []
    now = time.time()
    for number in range(102):
        monkeypatch.setattr("allauth.core.internal.ratelimit.time.time", lambda number=number: now + number * 61)
        codes.append(guess(from_address(number)).status_code)
    assert codes == [422] * 100 + [429] * 2


def test_the_right_password_works_on_a_known_device_while_the_world_guesses(person: User) -> None:
    known, new = from_address(1), from_address(2)
    assert guess(known, password=PASSWORD).status_code == 303
    known.cookies.pop("sessionid")
    for number in range(20):
        guess(from_address(10 + number))
    assert guess(new, password=PASSWORD).status_code == 429
    assert guess(known, password=PASSWORD).status_code == 303
    assert guess(known, password="mistyped").status_code == 422


def test_also_when_the_guesses_come_from_the_same_address(person: User) -> None:
    known = from_address(1)
    guess(known, password=PASSWORD)
    for email in ["person@example.com"] * 11 + people(30):
        guess(from_address(1), email)
    assert guess(known, password=PASSWORD).status_code == 303


def test_a_known_device_may_guess_ten_times_a_minute_and_no_more(person: User) -> None:
    known = from_address(1)
    guess(known, password=PASSWORD)
    codes = [guess(known).status_code for _ in range(12)]
    assert codes == [422] * 10 + [429] * 2
    assert guess(from_address(2), password=PASSWORD).status_code == 303, "others are not locked out by it"


def test_a_device_is_known_to_one_person_only_and_nobody_can_make_one_up(person: User) -> None:
    other = a_user("other@example.com")
    other.set_password(PASSWORD)
    other.save()
    client = from_address(1)
    guess(client, "other@example.com", PASSWORD)
    theirs = next(name for name in client.cookies if name.startswith("device-"))
    name = devices._cookie("person@example.com")
    for _ in range(11):
        guess(from_address(2))
    forged = signing.dumps({"email": "person@example.com", "device": "x"}, salt="another")
    for value in (client.cookies[theirs].value, forged, "nonsense", ""):
        client.cookies[name] = value
        assert guess(client, password=PASSWORD).status_code == 429, value


def test_the_cookie_is_out_of_reach_and_lets_nobody_in(person: User) -> None:
    client = from_address(1)
    guess(client, password=PASSWORD)
    name = devices._cookie("person@example.com")
    cookie = client.cookies[name]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert "person" not in name
    client.cookies.pop("sessionid")
    assert client.get("/admin").status_code == 303


def test_administrators_see_who_is_locked_and_unlock_them(person: User) -> None:
    admin = Client()
    admin.force_login(a_user("admin@example.com", admin=True))
    for _ in range(11):
        guess(from_address(1))
    one = "/auth/email/admin/users/person@example.com"
    told = admin.get(one).json()
    assert (told["is_locked"], told["failed_login_attempts"]) == (True, 10)
    assert told["locked_until"].endswith("Z")
    assert b"person@example.com" in admin.get("/admin/users?state=locked").content
    assert admin.post(f"{one}/unlock").json()["is_locked"] is False
    assert guess(from_address(2), password=PASSWORD).status_code == 303


def test_being_locked_ends_by_itself(person: User) -> None:
    for _ in range(11):
        guess(from_address(1))
    now = datetime.now(UTC)
    assert attempts_of([person.email], now)[person.email].locked_until
    assert attempts_of([person.email], now + timedelta(minutes=1))[person.email].locked_until is None


def test_an_unknown_person_costs_as_much_cpu_time_as_a_known_one(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their medians, taken in turns, lie within 5 % of one another; noise gets three chances to go away."""
    real = {"time_cost": 2, "memory_cost": 102_400, "parallelism": 8}
    for name in COSTS:
        monkeypatch.setattr(Argon2PasswordHasher, name, real[name])
    person.set_password(PASSWORD)
    person.save()
    monkeypatch.setattr("auth_app.login.adapter.attempt", lambda *_asked: _Usage())
    client = from_address(1)
    assert any(abs(_ratio(client) - 1) <= 0.05 for _ in range(3))


class _Usage:
    def rollback(self) -> None:
        pass


def _ratio(client: Client) -> float:
    seconds: dict[str, list[float]] = {"person@example.com": [], "nobody@example.com": []}
    for number in range(14):
        for email in seconds if number % 2 else reversed(seconds):
            began = time.process_time()
            guess(client, email)
            seconds[email].append(time.process_time() - began)
    known, unknown = (statistics.median(each[2:]) for each in seconds.values())
    return unknown / known


def test_both_read_the_same_when_they_are_locked(person: User) -> None:
    answers = {}
    for email in ("person@example.com", "nobody@example.com"):
        for _ in range(10):
            guess(from_address(1), email)
        answers[email] = guess(from_address(2), email)
    known, unknown = answers.values()
    assert known.status_code == unknown.status_code == 429
    body = {"email": "nobody@example.com", "password": "x"}
    said = [
        Client().post("/auth/email/login", body | {"email": email}, "application/json").json()["detail"]
        for email in answers
    ]
    assert said[0] == said[1]


def test_a_flood_of_guesses_is_a_handful_of_rows(person: User) -> None:
    for number in range(60):
        guess(from_address(number))
        guess(from_address(number), f"made-up-{number}@example.com")
    rows = AuthEvent.objects.filter(success=False)
    assert rows.count() <= 6  # wrong and too many, of one person and of nobody, within a minute or two
    assert sum(row.count for row in rows) == 120
    assert not rows.filter(email__startswith="made-up").exists()


def test_logging_in_is_remembered_of_each_person_at_a_device(person: User) -> None:
    other = a_user("other@example.com")
    other.set_password(PASSWORD)
    other.save()
    browser = Client(headers={"host": "127.0.0.1:8000"})
    log_in(browser)
    log_in(browser, "other@example.com")
    assert len([name for name in browser.cookies if name.startswith("device-")]) == 2
