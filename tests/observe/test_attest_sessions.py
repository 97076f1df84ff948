"""What PostgreSQL itself says of sessions, looked at as an attestation does."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from proxy_app.observe.attest.sessions import Eye, Sample, Session, kind_of
from tests.committed import database_url


@pytest.fixture
def superuser(db: None) -> str:
    """Where the superuser of the embedded PostgreSQL connects, who may be looked into by nobody else."""
    url = psycopg.conninfo.make_conninfo(database_url(), user="postgres")
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        pytest.skip("this PostgreSQL is not ours, so its superuser is not either")
    return url


def look(url: str = "") -> Sample:
    async def once() -> Sample | None:
        eye = Eye(url or database_url())
        try:
            return await eye.look()
        finally:
            await eye.close()

    sample = asyncio.run(once())
    assert sample is not None
    return sample


@contextmanager
def in_transaction(name: str, url: str = "", **options: Any) -> Iterator[int]:
    """The number of a backend that is idle in transaction, under this name."""
    with psycopg.connect(url or database_url(), application_name=name, **options) as connection:
        connection.execute("SELECT 1")
        yield connection.info.backend_pid


def session_of(pid: int, sample: Sample) -> Session:
    return next(session for session in sample.sessions if session.pid == pid)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("poolgate", "pool"),
        ("poolgate listener", "listener"),
        ("poolgate jobs", "jobs"),
        ("poolgate - 10.0.0.1:5432", "pool"),
        ("poolgate - unix(77):6432", "pool"),
        ("poolgate listener - 10.0.0.1:5432", "listener"),
        ("poolgate attest", "other"),
        ("poolgate-2", "other"),
        ("psql", "other"),
        ("", "other"),
    ],
)
def test_sessions_are_told_apart_by_their_names_whatever_a_pooler_adds(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_a_session_behind_a_pooler_is_judged_as_ours(db: None) -> None:
    with in_transaction("poolgate - 10.0.0.1:5432") as pid:
        found = session_of(pid, look())
    assert (found.kind, found.idle_in_transaction, found.statement) == ("pool", True, "SELECT 1")


def test_a_session_of_a_backend_that_a_ledger_knows_is_judged_whatever_it_calls_itself(db: None) -> None:
    with in_transaction("nobody special") as pid:
        sample = look()
    assert session_of(pid, sample).kind == "other"
    assert session_of(pid, sample.recognising({pid})).kind == "pool"
    assert session_of(pid, sample.recognising({pid + 1})).kind == "other"


def test_what_this_role_may_not_look_into_is_unreadable_and_not_passed_over(superuser: str) -> None:
    with in_transaction("poolgate", superuser) as pid:
        hidden, readable = session_of(pid, look()), session_of(pid, look(superuser))
    assert (hidden.kind, hidden.unreadable) == ("pool", True)
    assert not readable.unreadable


def test_a_session_without_activity_tracking_is_unreadable(superuser: str) -> None:
    with in_transaction("poolgate", superuser, options="-c track_activities=off") as pid:
        assert session_of(pid, look(superuser)).unreadable
