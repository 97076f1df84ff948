"""One gateway and one demo upstream for all end-to-end tests, and the database they share with the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from auth_app.models import User
from gatewaysite.db.units import close_pool
from tests.builders import a_token, an_admin
from tests.committed import database_url, delete_everything
from tests.gateway_process import GatewayProcess, demo_upstream, serving


@pytest.fixture(scope="session")
def _database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The name of the gateway's own database: its job workers must not do the jobs of other tests."""
    name = f"{connection.settings_dict['NAME']}_gateway"
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {name}")
        with _using(name):
            call_command("migrate", verbosity=0)
        yield name
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _using(name: str) -> Iterator[None]:
    """Let Django, in every thread, use this database of the same server."""
    before = connection.settings_dict["NAME"]
    _switch(name)
    try:
        yield
    finally:
        _switch(before)


def _switch(name: str) -> None:
    connection.close()
    close_pool()
    connection.settings_dict["NAME"] = name


@pytest.fixture(scope="session")
def _gateway(
    _database: str, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("gateway")
    metrics = folder / "metrics"
    metrics.mkdir()
    call_command("collectstatic", interactive=False, verbosity=0)
    with django_db_blocker.unblock(), _using(_database):
        url = database_url()
    with serving(url, folder, PROMETHEUS_MULTIPROC_DIR=str(metrics)) as process:
        yield process


@pytest.fixture
def db(_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The gateway's database. What a test leaves in it is deleted before the next."""
    with django_db_blocker.unblock(), _using(_database):
        yield
        delete_everything()


@pytest.fixture
def gateway(db: None, _gateway: GatewayProcess) -> Iterator[GatewayProcess]:
    """Two workers, both following the database of this test."""
    yield _gateway
    assert _gateway.process.poll() is None, _gateway.said()[-3000:]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with demo_upstream(tmp_path_factory.mktemp("demo")) as url:
        yield url


@pytest.fixture
def admin(db: None) -> User:
    return an_admin()


@pytest.fixture
def admin_token(admin: User) -> str:
    return a_token(admin)


def registered(gateway: GatewayProcess, token: str, url: str, **values: Any) -> dict[str, Any]:
    """Register a gateway as people do, and wait until its job is done. Its JSON."""
    return settled(gateway, token, register(gateway, token, url, **values))


def register(gateway: GatewayProcess, token: str, url: str, **values: Any) -> str:
    """As soon as it is acknowledged; its id."""
    import httpx

    headers = {"authorization": f"Bearer {token}"}
    body = {"name": "demo", "url": url, "visibility": "public"} | values
    answer = httpx.post(gateway.url + "/gateways", json=body, headers=headers, timeout=20)
    assert answer.status_code in (200, 201), answer.text
    row_id: str = answer.json()["id"]
    return row_id


def settled(gateway: GatewayProcess, token: str, row_id: str) -> dict[str, Any]:
    result: dict[str, Any] = gateway.until(
        f"/gateways/{row_id}", lambda answer: answer.json()["status"] != "pending", 60, token=token
    ).json()
    return result
