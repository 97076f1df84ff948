"""The one engine behind the three doors."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from gatewaysite.guard import allowlist
from gatewaysite.guard.analysis import Analysis
from gatewaysite.guard.cancellation import check_cancellation
from gatewaysite.guard.config import Config
from gatewaysite.guard.config import load as load_config
from gatewaysite.guard.model import Finding
from gatewaysite.guard.settings_rules import check_settings
from gatewaysite.guard.symbols import Program, Unreadable, load

__all__ = ["Report", "analyse", "check"]

NOTHING = "There is no Python file to look at; tests and migrations are left out unless they are named."


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run has to say. `problems` are with the allowlist, or that there was nothing to read; a sentence each."""

    findings: list[Finding]
    fingerprints: list[str] = field(default_factory=list)  # of the findings' functions, in the same order
    unreadable: list[Unreadable] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    allowed: int = 0
    files: int = 0
    calls_known: int = 0
    calls: int = 0
    calls_cut: int = 0  # of those not known: judged without what they hand over
    settled: bool = True
    seconds: float = 0.0

    @property
    def coverage(self) -> float:
        return self.calls_known / self.calls if self.calls else 1.0

    @property
    def exit_code(self) -> int:
        if self.unreadable or self.problems:
            return 2
        return 1 if self.findings else 0


def check(paths: Iterable[Path] = (), *, config: Config | None = None, today: date | None = None) -> Report:
    """Read the files, look for broken rules, and take away what the allowlist excuses.

    Without paths: what the project's configuration names. The allowlist is judged as a whole only then, since part of
    the project cannot tell whether an entry is of use. Raises BadConfig, and FileNotFoundError for an unknown path.
    """
    began = time.perf_counter()
    paths = list(paths)
    config = config or load_config(paths[0] if paths else Path.cwd())
    program = load(config, paths or [config.root / path for path in config.paths])
    analysis, findings = analyse(program, config)
    excused = allowlist.apply(
        findings, program, config.root / config.allowlist, today=today or date.today(), whole=not paths
    )
    known, calls = analysis.coverage
    return Report(
        findings=excused.findings,
        fingerprints=[allowlist.fingerprint_of(program, finding) for finding in excused.findings],
        unreadable=program.unreadable,
        problems=[*excused.problems, *([] if program.modules or program.unreadable else [NOTHING])],
        allowed=excused.used,
        files=len(program.modules) + len(program.unreadable),
        calls_known=known,
        calls=calls,
        calls_cut=len(analysis.calls_cut),
        settled=analysis.settled,
        seconds=time.perf_counter() - began,
    )


def analyse(program: Program, config: Config, *, only: Iterable[str] | None = None) -> tuple[Analysis, list[Finding]]:
    """The findings of a program, or of these modules of it."""
    analysis = Analysis(program, config)
    names = list(program.modules) if only is None else list(only)
    found = {finding.place: finding for finding in analysis.run(names)}
    for name in names:
        module = program.modules[name]
        for finding in (*check_settings(module), *check_cancellation(module)):
            found.setdefault(finding.place, finding)
    return analysis, sorted(found.values())
