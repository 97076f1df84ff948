"""What a person reads, and what a program reads, of the figures."""

import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import ge
from pathlib import Path
from typing import Any

from bench.faults import TARGETS as FAULT_TARGETS
from bench.measure import Result

COLUMNS = (
    ("workload", 17), ("clients", 8), ("req/s", 8), ("p50 ms", 8), ("p99 ms", 8), ("errors", 7), ("CPU ms", 8),
    ("PSS MB", 7), ("db", 4), ("idle in tx", 11), ("opened", 7), ("cores: gateway", 15), ("wrk", 5), ("upstr", 6),
    ("pg", 5), ("others", 7),
)  # fmt: skip

# Cores that something else may use before the rate says little; CPU per request is good for longer.
ALONE = 0.2
GUARD_WIDTHS = (17, 10, 12, 11, 9)
HOLDS_FOR_A_PERCENTILE = 200
NOT_ALONE = "\n    something else kept the machine busy: the rate is too low"


def head() -> str:
    return _line([name for name, _ in COLUMNS], [width for _, width in COLUMNS], left=1)


def row(result: Result) -> str:
    """One line of the table; `idle in tx` is the most at once, and the age of the oldest."""
    idle = f"{result.idle_in_transaction}"
    if result.idle_in_transaction:
        idle += f" ({result.oldest_idle_in_transaction_ms:.0f} ms)"
    cores = result.cores
    cells = (
        result.workload, f"{result.clients}", f"{result.rate:,.0f}", f"{result.p50_ms:.1f}", f"{result.p99_ms:.1f}",
        f"{result.errors}", f"{result.cpu_ms:.3f}", f"{result.pss_mb:.0f}", f"{result.db_connections}", idle,
        f"{result.upstream_connections_opened}", f"{cores['gateway']:.2f}", f"{cores['wrk']:.2f}",
        f"{cores['upstream']:.2f}", f"{cores['postgres']:.2f}", f"{cores['others']:.2f}",
    )  # fmt: skip
    line = _line(cells, [width for _, width in COLUMNS], left=1)
    return line + (_trouble(result) if result.errors else "") + (NOT_ALONE if cores["others"] > ALONE else "")


def _line(cells: Sequence[str], widths: Sequence[int], *, left: int) -> str:
    """The first `left` cells are words, the others numbers."""
    pairs = enumerate(zip(cells, widths, strict=True))
    return " ".join(cell.ljust(width) if at < left else cell.rjust(width) for at, (cell, width) in pairs)


def _trouble(result: Result) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in result.errors_by_kind.items() if count)
    return f"\n    errors: {kinds}" + (
        f"; first answer: {result.first_wrong_answer}" if result.first_wrong_answer else ""
    )


def routes(rows: list[dict[str, Any]]) -> str:
    """How long each route kept a database connection, and whether that is within its budget."""
    widths = (22, 8, 9, 9, 9, 7, 11)
    names = ("route", "phase", "holds", "p50 ms", "p99 ms", "idle", "budget ms")
    lines = [_line(names, widths, left=2)]
    for row in rows:
        cells = (
            row["route"], row["phase"], f"{row['holds']:,}", f"{row['p50_ms']:.1f}", f"{row['p99_ms']:.1f}",
            f"{row['idle_share']:.0%}", f"{row['budget_ms']:.0f}",
        )  # fmt: skip
        lines.append(_line(cells, widths, left=2) + ("" if row["within_budget"] else "  OVER BUDGET"))
    return "\n".join(lines)


def over_budget(rows: list[dict[str, Any]]) -> list[str]:
    """A sentence for every route that kept connections longer than it may. Few holds say nothing about a percentile."""
    return [
        f"{row['route']} ({row['phase']}) held a database connection for {row['p99_ms']:.0f} ms at p99, "
        f"more than its budget of {row['budget_ms']:.0f} ms"
        for row in rows
        if row["holds"] >= HOLDS_FOR_A_PERCENTILE and not row["within_budget"]
    ]


def stream(figures: dict[str, Any]) -> str:
    """What a long answer through a proxy route cost."""
    return (
        f"proxy-stream: {figures['gigabytes']:g} GB in {figures['seconds']:.1f} s, {figures['mb_per_s']:,.0f} MB/s, "
        f"{figures['cpu_s_per_gb']:.2f} CPU s/GB, memory grew by {figures['growth_mb']:.1f} MB"
    )


def faults(figures: dict[str, dict[str, Any]]) -> str:
    """What was promised of upstreams and clients in trouble, and what was seen; then who was told what."""
    widths = (14, 22, 9, 12)
    lines = [_line(("fault", "figure", "promised", "measured"), widths, left=2)]
    for target in FAULT_TARGETS:
        measured = figures[target.workload][target.figure]
        sign = ">=" if target.holds is ge else "<="
        cells = (target.workload, target.figure, f"{sign} {target.limit:g}", f"{measured:,.4g}")
        lines.append(_line(cells, widths, left=2) + ("" if target.holds(measured, target.limit) else "  MISSED"))
    hanging = figures["hanging"]
    lines.append(
        f"p99 of others while one hangs: {hanging['p99_ms']:.1f} -> {hanging['p99_meanwhile_ms']:.1f} ms at once, "
        f"{hanging['slow_p99_ms']:.1f} -> {hanging['slow_p99_meanwhile_ms']:.1f} ms with an upstream of 300 ms"
    )
    for name in ("hanging", "flapping"):
        outcomes = ", ".join(f"{count:,} x {told}" for told, count in figures[name]["outcomes"].items())
        lines += [f"{name}: {outcomes}"]
    return "\n".join(lines)


def guard(figures: dict[str, dict[str, float]]) -> str:
    """What the guard and the ledger cost each request."""
    lines = [_line(("request", "added us", "without us", "served us", "percent"), GUARD_WIDTHS, left=1)]
    for name, figure in figures.items():
        times = (f"{figure[key]:.1f}" for key in ("added_us", "without_us", "served_us"))
        cells = (name, *times, f"{figure['percent']:.2f}")
        lines.append(_line(cells, GUARD_WIDTHS, left=1))
    return "\n".join(lines)


def surroundings() -> dict[str, Any]:
    """When, where and of what: without these a figure means nothing."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{len(_cpu_names())} x {_cpu_names()[0] if _cpu_names() else platform.processor()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": _commit(),
    }


def _cpu_names() -> list[str]:
    info = Path("/proc/cpuinfo").read_text()
    return [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]


def _commit() -> str:
    """The checked-out commit, with a plus when files differ from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude", "*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"
