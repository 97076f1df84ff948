"""The guard on samples: each fault found by the right rule in the right line, and honest code left alone."""

from pathlib import Path

import pytest

from tests.guard.samples.caught import CAUGHT
from tests.guard.samples.corners import CORNERS
from tests.guard.samples.disguises import DISGUISES
from tests.guard.samples.fine import FINE
from tests.guard.samples.variants import CAUGHT_VARIANTS, FINE_VARIANTS
from tests.guard.sampling import judge

FAULTS = CAUGHT | CAUGHT_VARIANTS
HONEST = FINE | FINE_VARIANTS


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_its_rule_in_its_line_and_nothing_else(tmp_path: Path, name: str) -> None:
    expected, found = judge(tmp_path, FAULTS[name])
    assert expected
    assert found == expected


@pytest.mark.parametrize("name", DISGUISES | CORNERS)
def test_a_disguise_hides_nothing_and_honest_code_beside_it_is_left_alone(tmp_path: Path, name: str) -> None:
    expected, found = judge(tmp_path, (DISGUISES | CORNERS)[name])
    assert found == expected


@pytest.mark.parametrize("name", HONEST)
def test_honest_code_is_left_alone(tmp_path: Path, name: str) -> None:
    _expected, found = judge(tmp_path, HONEST[name])
    assert found == set()
