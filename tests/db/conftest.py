"""A pool of two on the test database for each test that asks, and a table to write to."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from gatewaysite.db.handback.base import DatabaseWrapper
from tests.db.pools import a_bystander, a_pool


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database. Unlike pytest-django's fixture of this name: without a test case, so any alias may be used."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def pooled(db: None) -> Iterator[DatabaseWrapper]:
    with a_pool() as connection:
        yield connection


@pytest.fixture
def notes(db: None) -> Iterator[str]:
    """A table with one text column, unique and checked at commit; its name."""
    with a_bystander() as bystander:
        bystander.execute("DROP TABLE IF EXISTS notes")
        bystander.execute("CREATE TABLE notes (text text UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        yield "notes"
        bystander.execute("DROP TABLE notes")
