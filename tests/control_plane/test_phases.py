"""Views that break a phase rule: a 500 where the guard raises, an answer and a count where it counts."""

import pytest
from django.contrib.contenttypes.models import ContentType
from prometheus_client import REGISTRY
from pytest_django import Settings

from gatewaysite import phases
from gatewaysite.control_plane import ControlPlane
from gatewaysite.db import ledger
from gatewaysite.phases import PhaseViolation, Violation
from proxy_app.observe.holds import count_violation
from tests.asgi_client import ask, begin
from tests.control_plane.bad_views import BAD

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("db")]

every_bad_view = pytest.mark.parametrize("name", BAD)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Violation]:
    violations: list[Violation] = []
    monkeypatch.setattr(phases, "on_violation", [violations.append, count_violation])
    return violations


def counted(name: str, phase: str) -> float:
    labels = {"route": f"bad-{name}", "phase": phase, "action": "counted"}
    return REGISTRY.get_sample_value("gateway_db_phase_violations_total", labels) or 0


@every_bad_view
async def test_raising_fails_the_request_and_names_the_view(
    control_plane: ControlPlane, told: list[Violation], name: str
) -> None:
    _view, phase, rule = BAD[name]
    answer = await ask(control_plane, "GET", f"/bad/{name}")
    assert answer.status == 500
    first = told[0]
    assert (first.rule, first.phase, first.route, first.raised) == (rule, phase, f"bad-{name}", True)
    assert b"Traceback" not in answer.body


@every_bad_view
async def test_counting_answers_and_tells(
    control_plane: ControlPlane, settings: Settings, told: list[Violation], name: str
) -> None:
    settings.GUARD_MODE = "count"
    ContentType.objects.clear_cache()
    _view, phase, rule = BAD[name]
    before = counted(name, phase)
    answer = await ask(control_plane, "GET", f"/bad/{name}")
    unreachable = name.startswith("upstream")  # nobody listens there; what matters is that it was tried
    assert answer.status == 502 if unreachable else answer.status in {200, 303}
    assert counted(name, phase) > before
    assert told[0].rule == rule
    assert not any(violation.raised for violation in told)


async def test_a_stream_that_queries_breaks_off_or_is_counted(
    control_plane: ControlPlane, settings: Settings, told: list[Violation]
) -> None:
    with pytest.raises(PhaseViolation):
        await begin(control_plane, "GET", "/bad/streams-queries").run()
    assert (told[0].phase, told[0].route) == ("stream", "bad-streams-queries")
    settings.GUARD_MODE = "count"
    before = counted("streams-queries", "stream")
    answer = await ask(control_plane, "GET", "/bad/streams-queries")
    assert answer.body.startswith(b"first\n")
    assert counted("streams-queries", "stream") > before


async def test_a_stream_of_units_queries_for_each_chunk_and_holds_nothing_between(
    control_plane: ControlPlane, told: list[Violation]
) -> None:
    answer = await ask(control_plane, "GET", "/bad/streams-units")
    assert (answer.body, told) == (b"True\nTrue\n", [])
    assert answer.headers["content-disposition"] == 'attachment; filename="units.txt"'
    visit = begin(control_plane, "GET", "/bad/streams-units", query="holding")
    with pytest.raises(PhaseViolation):
        await visit.run()
    assert (told[0].rule, visit.complete) == ("connection_held", False)
    assert ledger.held() == []


async def test_a_middleware_that_keeps_a_transaction_open_is_caught(settings: Settings, told: list[Violation]) -> None:
    settings.MIDDLEWARE = ["tests.control_plane.bad_views.renders_in_a_block", *settings.MIDDLEWARE]
    plane = ControlPlane(threads=1, max_waiting=1)
    answer = await ask(plane, "GET", "/plain")
    plane.close()
    assert answer.status == 500
    assert (told[0].rule, told[0].phase) == ("connection_held", "render")


async def test_what_a_request_leaves_open_is_taken_back_and_told(
    control_plane: ControlPlane, told: list[Violation]
) -> None:
    answer = await ask(control_plane, "GET", "/bad/left-open")
    assert answer.status == 200
    assert [(violation.rule, violation.route) for violation in told] == [("connection_left", "bad-left-open")]
