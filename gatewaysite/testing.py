"""A pytest plug-in for the phase guard: `pytest -p gatewaysite.testing`.

def test_the_list_is_rendered_from_plain_data(client, assert_no_database_during):
    with assert_no_database_during("render"):
        client.get("/admin/tools")
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.conf import settings

from gatewaysite.context import WITHOUT_DATABASE, Phase
from gatewaysite.phases import PhaseViolation, Violation, on_violation

NoDatabaseDuring = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def assert_no_database_during() -> NoDatabaseDuring:
    """Fails when the block uses the database, or holds a connection, in one of these phases; without any, in all three.

    It sees every thread and task, in each GUARD_MODE but "off", and names the route and the line of code.
    """
    return no_database_during


@contextmanager
def no_database_during(*phases: str) -> Iterator[None]:
    if settings.GUARD_MODE == "off":
        raise ValueError("GUARD_MODE is off, so nothing can be asserted")
    wanted = {Phase(phase) for phase in phases} or WITHOUT_DATABASE
    if wrong := wanted - WITHOUT_DATABASE:
        raise ValueError(f"the database may be used during {', '.join(sorted(wrong))}")
    told: list[Violation] = []
    on_violation.append(told.append)
    error: PhaseViolation | None = None
    try:
        yield
    except PhaseViolation as violation:
        error = violation
    finally:
        on_violation.remove(told.append)
    broken = [f"{one.rule} during {one.phase}, route {one.route}, {one.site}" for one in told if one.phase in wanted]
    if broken:
        raise AssertionError("\n".join(broken)) from error
    if error:
        raise error
