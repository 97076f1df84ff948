"""The table of targets, and what is said when one is missed."""

from dataclasses import fields
from typing import Any

import pytest

from bench.measure import Result
from bench.workloads import TARGETS, WORKLOADS, Target, missed

FIGURES = {
    "call-0ms": {"rate": 4000.0, "cpu_ms": 0.3, "errors": 0},
    "call-300ms-1000": {"rate": 2600.0, "errors": 0, "idle_in_transaction": 0},
    "memory": {"idle_pss_mb": 180.0},
}


def test_what_holds_is_not_missed_and_neither_is_what_was_not_measured() -> None:
    assert missed(FIGURES) == []


@pytest.mark.parametrize(
    ("workload", "figure", "value", "sentence"),
    [
        ("call-0ms", "rate", 3499.0, "call-0ms: rate >= 3500, measured 3499"),
        ("call-0ms", "cpu_ms", 0.5, "call-0ms: cpu_ms <= 0.45, measured 0.5"),
        ("call-300ms-1000", "errors", 1, "call-300ms-1000: errors <= 0, measured 1"),
        ("memory", "idle_pss_mb", 261.0, "memory: idle_pss_mb <= 260, measured 261"),
    ],
)
def test_a_missed_target_is_named_with_what_was_measured(
    workload: str, figure: str, value: float, sentence: str
) -> None:
    changed: dict[str, dict[str, Any]] = FIGURES | {workload: FIGURES[workload] | {figure: value}}
    assert missed(changed) == [sentence]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_every_target_is_about_something_that_is_measured(target: Target) -> None:
    measured = {workload.name: {field.name for field in fields(Result)} for workload in WORKLOADS}
    measured |= {"memory": {"idle_pss_mb"}, "proxy-stream": {"growth_mb"}}
    assert target.figure in measured[target.workload]
