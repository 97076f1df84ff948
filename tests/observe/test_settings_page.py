"""The settings as they hold: their values, where they come from, what they mean, and never a secret."""

import re
from typing import Any

import pytest
from pytest_django import Settings

from gatewaysite.environment import SECRET, SHOWN_ALL_THE_SAME, Environment, described, env
from tests.builders import a_user
from tests.pages.conftest import Visitor
from tests.pages.conftest import admin as admin
from tests.pages.conftest import guest as guest
from tests.registry.conftest import Caller
from tests.registry.test_openapi import answer_schema, check, document


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which some things are said, as a process that starts in it would read them."""
    said = {"DB_POOL_MAX": "25", "DEBUG": "false", "ADMIN_PASSWORD": "hunter2hunter2", "CACHE_URL": "redis://:pw@x/0",
            "CATALOGUE_SOURCE": "https://somebody:hunter2@registry.example.com"}  # fmt: skip
    for name in (one.name for one in described()):
        if name not in said:
            monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(env, "values", {})
    env.int("DB_POOL_MAX", default=10)
    env.bool("DEBUG", default=False)
    env.float("DB_POOL_TIMEOUT", default=5.0)
    env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])


def by_name(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in told["settings"]}


@pytest.mark.usefixtures("given")
def test_each_setting_has_its_value_its_source_and_its_meaning(db: None) -> None:
    answer = Caller(a_user(admin=True)).get("/ops/settings")

    whole = document(Caller(a_user()))
    check(answer.json(), answer_schema(whole, "/ops/settings", "get", 200), whole)
    found = by_name(answer.json())
    assert set(found) == {one.name for one in described()}
    assert found["DB_POOL_MAX"] == {
        "name": "DB_POOL_MAX",
        "group": "Database",
        "meaning": "Connections a worker process may have in its pool. "
        "workers x replicas x (DB_POOL_MAX + 5) <= 0.8 x max_connections",
        "value": "25",
        "default": "10",
        "allowed": "a whole number",
        "source": "environment",
        "is_set": True,
        "is_secret": False,
        "changed": True,
    }
    assert (found["DB_POOL_TIMEOUT"]["value"], found["DB_POOL_TIMEOUT"]["source"]) == ("5", "default")
    assert found["ALLOWED_HOSTS"]["value"] == "localhost,127.0.0.1"
    assert found["DEBUG"]["changed"] is False, "what is said and is the default anyway differs from nothing"


@pytest.mark.usefixtures("given")
def test_a_secret_is_never_shown_only_whether_there_is_one(admin: Visitor) -> None:
    answer = Caller(a_user(admin=True)).get("/ops/settings")

    for text in (answer.content.decode(), admin.text("/admin/settings")):
        assert "hunter2" not in text
        assert "redis://:pw" not in text
    found = by_name(answer.json())
    assert (found["ADMIN_PASSWORD"]["value"], found["ADMIN_PASSWORD"]["is_set"]) == (None, True)
    assert found["CATALOGUE_SOURCE"]["value"] == "https://***@registry.example.com"
    assert (found["SECRET_KEY"]["value"], found["SECRET_KEY"]["is_set"]) == (None, False)


def test_what_is_called_like_a_secret_is_one_unless_somebody_said_otherwise() -> None:
    secret = {one.name for one in described() if SECRET.search(one.name)} - SHOWN_ALL_THE_SAME

    assert secret == {
        "SECRET_KEY", "ENCRYPTION_KEYS", "ADMIN_PASSWORD", "GATEWAY_BOOTSTRAP_TOKEN", "DATABASE_URL",
        "DATABASE_DIRECT_URL", "CACHE_URL", "EMAIL_URL",
    }  # fmt: skip


@pytest.mark.usefixtures("given")
def test_they_are_searched_and_narrowed_to_what_was_changed(admin: Visitor) -> None:
    names = re.compile(r"<code>([A-Z_]+)</code>")

    assert set(names.findall(admin.text("/admin/settings?changed=true"))) == {
        "ADMIN_PASSWORD", "CACHE_URL", "CATALOGUE_SOURCE", "DB_POOL_MAX"
    }  # fmt: skip
    assert set(names.findall(admin.text("/admin/settings?search=circuit_open"))) == {"BREAKER_CONSECUTIVE_FAILURES"}
    assert "No settings match" in admin.text("/admin/settings?search=nothing-like-it")
    database = admin.text("/admin/settings?search=pool&changed=")
    assert database.index("DB_POOL_MAX") < database.index("DB_POOL_MIN"), "what was changed comes first"


def test_what_the_doctor_would_say_of_them_stands_above(admin: Visitor, settings: Settings) -> None:
    settings.PUBLIC_URL = "http://gateway.example.com"

    page = admin.text("/admin/settings")

    assert 'id="public-url"' in page
    assert "tokens and passwords travel readable" in page


def test_they_are_for_administrators(guest: Visitor) -> None:
    assert guest.get("/admin/settings").status_code == 403
    assert Caller(guest.user).get("/ops/settings").status_code == 403


def test_every_read_is_remembered() -> None:
    fresh = Environment()
    fresh.str("POOLGATE_NOWHERE", default="x")

    assert fresh.values == {"POOLGATE_NOWHERE": "x"}
