"""Samples as files on disk, judged by the guard as a project of their own."""

import re
from pathlib import Path

from gatewaysite.guard.config import Config
from gatewaysite.guard.engine import Report, check

Place = tuple[str, int, str]
MARK = re.compile(r"#((?: R\d+)+)$")


def write(folder: Path, sample: str) -> set[Place]:
    """Write the sample's files; gives the places its marks name."""
    expected: set[Place] = set()
    whole = "# file: app/views.py\n" + sample.removeprefix("\n")
    for part in re.split(r"^# file: ", whole, flags=re.MULTILINE)[1:]:
        name, _, source = part.partition("\n")
        if not source.strip():
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        for number, line in enumerate(source.splitlines(), 1):
            if found := MARK.search(line):
                expected |= {(name, number, rule) for rule in found[1].split()}
    return expected


def judge(folder: Path, sample: str, **settings: object) -> tuple[set[Place], set[Place]]:
    """(what the sample's marks expect, what the guard finds)."""
    expected = write(folder, sample)
    return expected, places(report(folder, **settings))


def report(folder: Path, **settings: object) -> Report:
    return check([folder], config=Config(root=folder, **settings))  # type: ignore[arg-type]


def places(found: Report) -> set[Place]:
    return {finding.place for finding in found.findings}
