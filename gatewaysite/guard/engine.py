"""The one engine behind the three doors."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from . import allowlist
from .analysis import Analysis
from .cancellation import check_cancellation
from .config import Config
from .config import load as load_config
from .model import Finding
from .settings_rules import check_settings
from .symbols import Program, Unreadable, files_in, load, relative, room_to_recurse

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
    project = [config.root / path for path in config.paths]
    given = {relative(config.root, file) for file in files_in(config, paths or project)}
    # What is judged may call what is not, so all is read.
    program = load(config, [*paths, *(path for path in project if path.exists() or not paths)])
    judged = [name for name, module in program.modules.items() if module.file in given]
    unreadable = [one for one in program.unreadable if one.file in given]
    with room_to_recurse(20_000):
        analysis, findings = analyse(program, config, only=judged)
        findings = [one for one in findings if one.file in given]
        excused = allowlist.apply(
            findings, program, config.root / config.allowlist, today=today or date.today(), whole=not paths
        )
        fingerprints = [allowlist.fingerprint_of(program, finding) for finding in excused.findings]
    known, calls = analysis.coverage(judged)
    return Report(
        findings=excused.findings,
        fingerprints=fingerprints,
        unreadable=unreadable,
        problems=[*excused.problems, *([] if given else [NOTHING])],
        allowed=excused.used,
        files=len(given),
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
    found: dict[object, Finding] = {finding.place: finding for finding in analysis.run(names)}
    for name in names:
        module = program.modules[name]
        for finding in (*check_settings(module), *check_cancellation(module)):
            found.setdefault((*finding.place, finding.message), finding)
    return analysis, sorted(found.values())
