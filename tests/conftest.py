"""Fixtures every test may use."""

import pytest
from pytest_django import Settings


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop the gateway runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Settings) -> None:
    """Pages in tests name static files as they are, where they are: nobody has collected and hashed them."""
    settings.STATIC_ROOT = settings.STATICFILES_DIRS[0]
    settings.STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
