"""Fixtures every test may use."""

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from auth_app import outbox

# TRUNCATE is how Django empties the database after a test with real transactions.
ALLOW_TRUNCATE = "ALTER TABLE auth_app_auditentry DISABLE TRIGGER poolgate_audit_stays_whole"


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop the gateway runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Settings) -> None:
    """Pages in tests name static files as they are, where they are: nobody has collected and hashed them."""
    settings.STATIC_ROOT = settings.STATICFILES_DIRS[0]
    settings.STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(ALLOW_TRUNCATE)


@pytest.fixture(autouse=True)
def _letters_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of its own would not see what a test has not committed. tests/auth/test_letters.py has the thread."""
    monkeypatch.setattr(outbox, "write_soon", outbox.deliver)
