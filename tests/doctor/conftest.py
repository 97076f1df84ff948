"""Settings as a careful operator's are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

type Configure = Callable[..., None]


@pytest.fixture
def configure(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Change settings for one test. `database` and `pool` change the database's own and those of its pool."""

    def change(*, database: dict[str, Any] | None = None, pool: dict[str, Any] | None = None, **values: Any) -> None:
        own = connections["default"].settings_dict
        for name, value in values.items():
            setattr(settings, name, value)
        for name, value in (database or {}).items():
            monkeypatch.setitem(own["OPTIONS"] if name.islower() else own, name, value)
        for name, value in (pool or {}).items():
            monkeypatch.setitem(own["OPTIONS"]["pool"], name, value)

    return change


@pytest.fixture
def production(configure: Configure, tmp_path: Path) -> None:
    """A public address, behind TLS, with secrets of its own."""
    configure(
        SECRET_KEY="".join(chr(ord("!") + number) for number in range(60)),
        ENCRYPTION_KEYS=["k" * 43],
        PUBLIC_URL="https://gateway.example.com",
        ALLOWED_HOSTS=["gateway.example.com", "localhost"],
        DATA_DIR=tmp_path,
        RUN_DIR=tmp_path / "run",
        GUARD_MODE="count",
        SESSION_COOKIE_SECURE=True,
        CSRF_COOKIE_SECURE=True,
        UPSTREAM_ALLOWED_NETWORKS=["10.1.0.0/16"],
        ADMIN_PASSWORD="",
        GATEWAY_BOOTSTRAP_TOKEN="",
        database={"USER": "poolgate", "PASSWORD": "a long one of its own", "HOST": "db.example.com"},
    )
