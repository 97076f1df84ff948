"""The allowlist: what it excuses, and everything that makes it fail."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gatewaysite.guard.config import Config
from gatewaysite.guard.engine import Report, check
from gatewaysite.guard.fingerprint import fingerprint
from gatewaysite.guard.report import as_json
from gatewaysite.guard.symbols import read_module

TODAY = date(2026, 11, 20)
FAULT = """
from django.db import transaction
from django.shortcuts import render

def show(request):
    with transaction.atomic():
        return render(request, "a.html")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "views.py").write_text(FAULT)
    return tmp_path


def entry(project: Path, **changes: str) -> dict[str, Any]:
    """What excuses the fault, changed. The command's JSON says what belongs into an entry."""
    (project / "guard_allowlist.json").unlink(missing_ok=True)
    (finding,) = json.loads(as_json(check(config=Config(root=project))))["findings"]
    known = {"path": finding["file"], **{name: finding[name] for name in ("rule", "function", "fingerprint")}}
    answers = {"reason": "The page is drawn from memory alone.", "owner": "ann", "expires": "2027-02-01"}
    return known | answers | changes


def judged(project: Path, entries: list[dict[str, Any]], ratchet: object = None, *paths: Path) -> Report:
    ratchet = len(entries) if ratchet is None else ratchet
    (project / "guard_allowlist.json").write_text(json.dumps({"ratchet": ratchet, "entries": entries}))
    return check(paths, config=Config(root=project), today=TODAY)


def test_an_entry_excuses_its_finding(project: Path) -> None:
    report = judged(project, [entry(project)])
    assert (report.findings, report.problems, report.allowed, report.exit_code) == ([], [], 1, 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"expires": "2026-11-19"}, "expired on 2026-11-19"),
        ({"expires": "2027-05-20"}, "more than 180 days ahead"),
        ({"expires": "soon"}, "no date"),
        ({"reason": "because"}, "less than 20 characters"),
        ({"reason": ""}, "lacks reason"),
        ({"owner": " "}, "lacks owner"),
        ({"reason": "................................"}, "in words"),
        ({"reason": "\u200b" * 40}, "in words"),
        ({"reason": "a                                 b"}, "in words"),
        ({"expires": "2027-W05-1"}, "no date like"),
        ({"expires": "20270201"}, "no date like"),
        ({"rule": "R77"}, "names no rule"),
        ({"note": "x"}, "nobody reads: note"),
        ({"fingerprint": "0" * 64}, "was written for other code"),
        ({"function": "other"}, "excuses nothing any more"),
    ],
)
def test_a_bad_entry_fails_with_a_sentence_and_excuses_nothing(
    project: Path, changes: dict[str, str], said: str
) -> None:
    report = judged(project, [entry(project, **changes)])
    assert any(said in problem for problem in report.problems), report.problems
    assert len(report.findings) == 1
    assert report.exit_code == 2


def test_the_last_day_counts_and_so_does_the_180th(project: Path) -> None:
    assert judged(project, [entry(project, expires="2026-11-20")]).exit_code == 0
    assert judged(project, [entry(project, expires="2027-05-19")]).exit_code == 0


def test_one_entry_is_enough(project: Path) -> None:
    report = judged(project, [entry(project), entry(project, owner="bob")])
    assert any("one is enough" in problem for problem in report.problems)


def test_an_entry_whose_fault_was_mended_fails(project: Path) -> None:
    old = entry(project)
    (project / "views.py").write_text("def show(request):\n    return None\n")
    assert any("excuses nothing any more" in problem for problem in judged(project, [old]).problems)


def test_the_list_may_only_get_shorter(project: Path) -> None:
    more = judged(project, [entry(project)], 0)
    assert any("may only get shorter" in problem for problem in more.problems)
    fewer = judged(project, [entry(project)], 2)
    assert any("lower it to 1" in problem for problem in fewer.problems)
    assert any("must be a number" in problem for problem in judged(project, [], "none").problems)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "{",
        '{"entries": [1]}',
        "[" * 200_000,
        '{"entries": [], "ratchet": 1, "ratchet": 0}',
        '{"entries": [], "ratchet": 0, "more": 1}',
    ],
)
def test_a_list_that_cannot_be_read_is_a_problem(project: Path, text: str) -> None:
    (project / "guard_allowlist.json").write_text(text)
    report = check(config=Config(root=project))
    assert report.exit_code == 2
    assert len(report.findings) == len(report.problems) == 1


def test_a_part_of_the_project_cannot_tell_that_an_entry_is_unused(project: Path) -> None:
    known = entry(project)
    (project / "other.py").write_text("")
    assert judged(project, [known], None, project / "other.py").exit_code == 0


def test_a_fingerprint_survives_what_changes_no_meaning() -> None:
    changed = FAULT.replace("def show(request):", 'def show(  request  ):  # shows it\n    """A page."""\n')
    moved = "\n\n\nNUMBER = 1\n" + changed.replace('"a.html"', "'a.html'")
    assert mark_of(FAULT) == mark_of(moved)


def test_a_fingerprint_is_another_when_the_code_is() -> None:
    assert mark_of(FAULT) != mark_of(FAULT.replace("a.html", "b.html"))
    assert mark_of(FAULT) != mark_of(FAULT.replace("def show", "async def show"))


def mark_of(source: str) -> str:
    return fingerprint(read_module(source.encode(), "views", "views.py"), "show", 1)
