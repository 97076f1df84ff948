"""Loaded by pytest before anything else: sees to it that there is a PostgreSQL when Django's settings are read."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from gatewaysite.embedded import serve_spare

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start one for this run unless DATABASE_URL names one; workers of pytest-xdist find it already named."""
    os.environ.setdefault("SECRET_KEY", "only-for-tests")
    if os.environ.get("DATABASE_URL"):
        return
    folders = Path(os.environ.get("DATA_DIR") or ROOT / ".data")
    server = ExitStack()
    os.environ["DATABASE_URL"] = server.enter_context(serve_spare(folders, "test-"))
    early_config.add_cleanup(server.close)
