"""`manage.py gateway bootstrap`: the first administrator and token, made once, told once."""

import io

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from auth_app.models import ApiToken, User
from auth_app.tokens.secrets import hash_secret
from auth_app.tokens.work import find_token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_given(settings: Settings) -> None:
    settings.ADMIN_EMAIL = "admin@example.com"
    settings.ADMIN_PASSWORD = settings.GATEWAY_BOOTSTRAP_TOKEN = ""


def bootstrap() -> dict[str, str]:
    """What it printed, by the words before the colon."""
    out = io.StringIO()
    call_command("gateway", "bootstrap", stdout=out)
    return dict(line.split(": ", 1) for line in out.getvalue().splitlines())


def test_a_first_start_makes_an_administrator_and_tells_the_password_and_a_token_once() -> None:
    told = bootstrap()
    user = User.objects.get()
    assert (user.email, user.is_admin) == ("admin@example.com", True)
    assert user.check_password(told["password (shown once)"])
    assert user.must_change_password, "it was printed"
    found = find_token(hash_secret(told["API token (shown once)"]))
    assert found is not None
    assert found.actor.is_admin
    assert bootstrap() == {"administrator": "admin@example.com (since an earlier start, whose password stays)"}
    assert (User.objects.count(), ApiToken.objects.count()) == (1, 1)


def test_a_password_that_was_given_is_used_and_not_repeated(settings: Settings) -> None:
    settings.ADMIN_PASSWORD = "given by the operator"
    told = bootstrap()
    assert "password (shown once)" not in told
    assert "given by the operator" not in str(told)
    assert User.objects.get().check_password("given by the operator")
    assert not User.objects.get().must_change_password
    settings.ADMIN_PASSWORD = "another"
    bootstrap()
    assert User.objects.get().check_password("given by the operator")


def test_a_token_that_was_given_exists_with_exactly_this_secret(settings: Settings) -> None:
    settings.GATEWAY_BOOTSTRAP_TOKEN = "x" * 32
    told = bootstrap()
    assert "API token (shown once)" not in told
    assert find_token(hash_secret("x" * 32)) is not None
    settings.GATEWAY_BOOTSTRAP_TOKEN = "y" * 32
    bootstrap()
    assert find_token(hash_secret("x" * 32)) is None
    assert find_token(hash_secret("y" * 32)) is not None


@pytest.mark.parametrize("length", [1, 31])
def test_a_token_that_is_too_short_is_refused_before_anything_is_made(settings: Settings, length: int) -> None:
    settings.GATEWAY_BOOTSTRAP_TOKEN = "x" * length
    with pytest.raises(CommandError, match="at least 32 characters"):
        bootstrap()
    assert User.objects.count() == 0
