"""The phase guard: what may not touch the database, nor hold a connection, and what the three modes do about it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.contrib.contenttypes.models import ContentType
from django.db import connections, transaction
from pytest_django import Settings

from gatewaysite import context, phases
from gatewaysite.context import WITHOUT_DATABASE, Phase, RequestContext
from gatewaysite.db import ledger
from gatewaysite.db.handback.base import DatabaseWrapper
from gatewaysite.db.units import run_unit, stop_units
from gatewaysite.phases import PhaseViolation, Violation, during
from tests.db.pools import ALIAS, an_alias, out_of_pool, query

nothing_held = pytest.mark.parametrize("phase", sorted(WITHOUT_DATABASE))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Violation]:
    violations: list[Violation] = []
    monkeypatch.setattr(phases, "on_violation", [violations.append])
    monkeypatch.setattr(phases, "_logged_at", {})
    return violations


@pytest.fixture
def request_context() -> Iterator[RequestContext]:
    request = RequestContext(request_id="r-1", route="api-tools")
    token = context.current.set(request)
    yield request
    context.current.reset(token)


@pytest.mark.parametrize(
    "access",
    [
        lambda: query(connections[ALIAS], "SELECT 1"),
        lambda: list(ContentType.objects.using(ALIAS)),
        lambda: next(ContentType.objects.using(ALIAS).iterator(chunk_size=1)),
        lambda: transaction.atomic(using=ALIAS).__enter__(),
        lambda: connections[ALIAS].ensure_connection(),
        lambda: transaction.set_autocommit(False, using=ALIAS),
    ],
    ids=["cursor", "queryset", "iterator", "block", "connection", "manual transaction"],
)
@nothing_held
def test_every_access_is_refused_and_borrows_nothing(
    pooled: DatabaseWrapper, phase: Phase, access: Callable[[], object]
) -> None:
    with pytest.raises(PhaseViolation, match=f"phase {phase}"), during(phase):
        access()
    assert out_of_pool(pooled) == 0
    assert query(pooled, "SELECT 1") == (1,)


def test_a_lazy_queryset_is_refused_where_it_is_evaluated(pooled: DatabaseWrapper) -> None:
    lazy = ContentType.objects.using(ALIAS).all()
    with pytest.raises(PhaseViolation), during(Phase.RENDER):
        len(lazy)


@pytest.mark.parametrize("phase", sorted(set(Phase) - WITHOUT_DATABASE))
def test_the_other_phases_may_use_it(pooled: DatabaseWrapper, phase: Phase) -> None:
    with during(phase):
        assert query(pooled, "SELECT 1") == (1,)


@nothing_held
def test_nothing_that_needs_no_database_begins_while_a_connection_is_held(
    pooled: DatabaseWrapper, phase: Phase
) -> None:
    with transaction.atomic(using=ALIAS):
        with pytest.raises(PhaseViolation, match="still held"):
            during(phase).__enter__()
        assert query(pooled, "SELECT 1") == (1,)
    with pooled.cursor(), pytest.raises(PhaseViolation, match="still held"):
        during(phase).__enter__()
    with during(phase):
        pass


@pytest.mark.parametrize(("inner", "told"), [(Phase.AUTH, Phase.RENDER), (Phase.STREAM, Phase.STREAM)])
def test_a_phase_with_a_database_does_not_begin_inside_one_without(
    pooled: DatabaseWrapper, inner: Phase, told: Phase
) -> None:
    with pytest.raises(PhaseViolation, match=f"phase {told}"), during(Phase.RENDER), during(inner):
        query(pooled, "SELECT 1")
    assert query(pooled, "SELECT 1") == (1,)


@pytest.mark.parametrize("nested", [False, True])
def test_what_somebody_swallowed_is_raised_at_the_end(pooled: DatabaseWrapper, nested: bool) -> None:
    def swallow() -> None:
        with suppress(Exception):
            query(pooled, "SELECT 1")

    def swallow_twice() -> None:
        with suppress(Exception), during(Phase.RENDER):
            swallow()

    with pytest.raises(PhaseViolation), during(Phase.RENDER):
        swallow_twice() if nested else swallow()
    with during(Phase.RENDER):
        pass


def test_it_holds_without_a_pool_too(db: None) -> None:
    with an_alias() as connection, pytest.raises(PhaseViolation), during(Phase.RENDER):
        query(connection, "SELECT 1")


@pytest.mark.anyio
async def test_it_follows_await_and_threads_but_not_other_tasks(pooled: DatabaseWrapper) -> None:
    def access() -> object:
        return query(connections[ALIAS], "SELECT 1")

    other = asyncio.create_task(sync_to_async(access)())
    for through in (sync_to_async(access), partial(run_unit, access)):
        with pytest.raises(PhaseViolation), during(Phase.UPSTREAM):
            await through()
    assert await other == (1,)
    await stop_units()


def test_a_violation_says_where_and_in_which_request(
    pooled: DatabaseWrapper, told: list[Violation], request_context: RequestContext
) -> None:
    with pytest.raises(PhaseViolation, match=__file__), during(Phase.RENDER):
        list(ContentType.objects.using(ALIAS))
    (violation,) = told
    assert (violation.rule, violation.phase, violation.route) == ("database_used", Phase.RENDER, "api-tools")
    assert (violation.request_id, violation.raised) == ("r-1", True)
    assert violation.site.startswith(__file__)
    assert violation.site.endswith("test_a_violation_says_where_and_in_which_request")


def test_count_lets_the_query_through_and_tells(
    pooled: DatabaseWrapper, told: list[Violation], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GUARD_MODE = "count"
    for _ in range(3):
        with during(Phase.RENDER):
            assert query(pooled, "SELECT 1") == (1,)
    assert {violation.rule for violation in told} == {"database_used"}
    assert len(told) >= 3
    assert not any(violation.raised for violation in told)
    lines = [record for record in caplog.records if record.message == "a phase rule was broken"]
    places = {violation.site for violation in told}
    assert len(lines) == len(places), "each place is logged once a minute"
    assert out_of_pool(pooled) == 0


def test_count_marks_what_is_held_meanwhile(pooled: DatabaseWrapper, told: list[Violation], settings: Settings) -> None:
    settings.GUARD_MODE = "count"
    with transaction.atomic(using=ALIAS):
        (hold,) = ledger.mine()
        seen = [str(hold.phase)]
        with during(Phase.UPSTREAM):
            seen.append(str(hold.phase))
        seen.append(str(hold.phase))
    assert seen == ["load", "upstream", "load"]
    assert [violation.rule for violation in told] == ["connection_held"]


def test_off_lets_everything_through_and_tells_nobody(
    pooled: DatabaseWrapper, told: list[Violation], settings: Settings
) -> None:
    settings.GUARD_MODE = "off"
    with transaction.atomic(using=ALIAS), during(Phase.RENDER):
        assert query(pooled, "SELECT 1") == (1,)
    assert told == []
