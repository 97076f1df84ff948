"""The findings as text for people, as JSON for machines, and as an exit code for scripts."""

import shutil
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import orjson

from gatewaysite.doctor.findings import Finding, Level, plural
from gatewaysite.doctor.installation import Installation, is_production, public_url

SCHEMA = 1  # of the JSON; goes up when a member changes its meaning
WIDEST = 120
WELL, ILL, BLIND = 0, 1, 2
type Paint = Callable[[Level, str], str]


def exit_code(findings: Iterable[Finding], *, is_blind: bool, strict: bool = False) -> int:
    """2 when the picture has a hole, whatever the rest shows; 1 for an error, or with `strict` a warning."""
    if is_blind:
        return BLIND
    bad = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    return ILL if any(finding.level in bad for finding in findings) else WELL


def as_text(installation: Installation, findings: Sequence[Finding], paint: Paint) -> str:
    """Worst first. Checks that say the very same are named in one place."""
    groups = groupby(_worst_first(findings), lambda finding: (finding.level, finding.seen, finding.cure))
    blocks = [_block([finding.id for finding in group], *said, paint) for said, group in groups]
    return "\n".join([_headline(installation), "", *blocks, "", _summary(findings)])


def as_json(installation: Installation, findings: Sequence[Finding], code: int) -> str:
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "public_url": public_url(),
        "production": is_production(),
        "replicas": installation.replicas,
        "exit_code": code,
        "summary": {level.value: count for level, count in _counts(findings)},
        "findings": [
            {"id": finding.id, "level": finding.level, "seen": finding.seen, "cure": finding.cure}
            for finding in _worst_first(findings)
        ],
    }
    return orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()


def _worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Those that say the same side by side, otherwise in the order of the checks."""
    worst = list(Level)
    first: dict[tuple[Level, str], int] = {}
    for finding in findings:
        first.setdefault((finding.level, finding.seen), len(first))
    return sorted(findings, key=lambda finding: (worst.index(finding.level), first[finding.level, finding.seen]))


def _headline(installation: Installation) -> str:
    kind = "production" if is_production() else "this machine only"
    replicas = f", {installation.replicas} replicas" if installation.replicas > 1 else ""
    return f"{public_url()} ({kind}{replicas})"


def _block(ids: Sequence[str], level: Level, seen: str, cure: str, paint: Paint) -> str:
    """The level, the id, and beside them the sentences; below them when there are several ids."""
    label, names = f"{level:<8} ", ", ".join(ids)
    paragraphs, first = [], f"{label}{names:<19} "
    if len(ids) > 1:
        first = " " * len(label)
        paragraphs = [_fill(names, label, first)]
    rest = " " * len(first)
    paragraphs += [_fill(seen, first, rest), *([_fill(cure, rest, rest)] if cure else [])]
    text = "\n".join(paragraphs)
    return paint(level, level) + text.removeprefix(level)


def _fill(text: str, first: str, rest: str) -> str:
    """As wide as the terminal."""
    width = min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )


def _summary(findings: Iterable[Finding]) -> str:
    nouns = {Level.ERROR: "error", Level.WARNING: "warning"}
    told = (plural(count, nouns[level]) if level in nouns else f"{count} {level}" for level, count in _counts(findings))
    return ", ".join(part for part in told if not part.startswith("0 ")) + "."


def _counts(findings: Iterable[Finding]) -> list[tuple[Level, int]]:
    found = Counter(finding.level for finding in findings)
    return [(level, found[level]) for level in Level]
