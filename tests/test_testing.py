"""The pytest plug-in, used as a project would use it."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from pytest_django import Settings

from gatewaysite.context import Phase
from gatewaysite.phases import PhaseViolation, during
from gatewaysite.testing import NoDatabaseDuring

pytestmark = pytest.mark.django_db


def render_with_a_query() -> None:
    with during(Phase.RENDER):
        list(ContentType.objects.all())


@pytest.mark.parametrize("mode", ["raise", "count"])
def test_it_fails_and_names_the_line_in_either_mode(
    assert_no_database_during: NoDatabaseDuring, settings: Settings, mode: str
) -> None:
    settings.GUARD_MODE = mode
    with (
        pytest.raises(AssertionError, match=rf"database_used during render, .*{__name__.rpartition('.')[2]}.py"),
        assert_no_database_during("render"),
    ):
        render_with_a_query()


def test_it_passes_when_the_data_was_loaded_before(assert_no_database_during: NoDatabaseDuring) -> None:
    with assert_no_database_during():
        things = list(ContentType.objects.values("pk"))
        with during(Phase.RENDER):
            assert len(things) == len([thing["pk"] for thing in things])


def test_other_phases_are_not_its_business(assert_no_database_during: NoDatabaseDuring) -> None:
    with pytest.raises(PhaseViolation), assert_no_database_during("stream", "upstream"):
        render_with_a_query()


def test_a_held_connection_counts_as_well(assert_no_database_during: NoDatabaseDuring) -> None:
    with (
        pytest.raises(AssertionError, match="connection_held during upstream"),
        assert_no_database_during("upstream"),
        transaction.atomic(),
        during(Phase.UPSTREAM),
    ):
        pass


def test_nothing_can_be_asserted_of_a_guard_that_is_off(
    assert_no_database_during: NoDatabaseDuring, settings: Settings
) -> None:
    settings.GUARD_MODE = "off"
    with pytest.raises(ValueError, match="off"), assert_no_database_during():
        pass


def test_a_phase_with_a_database_cannot_be_asked_for(assert_no_database_during: NoDatabaseDuring) -> None:
    with pytest.raises(ValueError, match="load"), assert_no_database_during("load"):
        pass
