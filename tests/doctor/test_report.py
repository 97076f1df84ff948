"""The report: worst first, the same said once, and an exit code for scripts."""

import json
import textwrap

import pytest

from gatewaysite.doctor.checks import CHECKS
from gatewaysite.doctor.examination import examine
from gatewaysite.doctor.findings import Finding, Level, NotSeen
from gatewaysite.doctor.report import as_json, as_text, exit_code
from tests.doctor.installations import an_installation

NOWHERE = NotSeen("The database does not answer.", "refused", "Start it.")


def a_finding(level: Level, id: str = "some-id", seen: str = "It is so.", cure: str = "") -> Finding:
    return Finding(id, level, seen, cure)


def plain(_level: Level, text: str) -> str:
    return text


@pytest.mark.parametrize(
    ("levels", "code", "strict_code"),
    [
        ([Level.OK], 0, 0),
        ([Level.OK, Level.UNKNOWN], 0, 0),
        ([Level.OK, Level.WARNING], 0, 1),
        ([Level.WARNING, Level.ERROR], 1, 1),
    ],
)
def test_the_exit_code_says_how_bad_it_is(levels: list[Level], code: int, strict_code: int) -> None:
    findings = [a_finding(level) for level in levels]
    assert exit_code(findings, is_blind=False) == code
    assert exit_code(findings, is_blind=False, strict=True) == strict_code
    assert exit_code(findings, is_blind=True) == exit_code(findings, is_blind=True, strict=True) == 2


@pytest.mark.usefixtures("production")
def test_the_text_is_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    findings = [
        a_finding(Level.OK, "fine"),
        a_finding(Level.UNKNOWN, "one", "Not looked at."),
        a_finding(Level.WARNING, "odd", "It is odd in a way that takes more than one line.", "Make it even."),
        a_finding(Level.UNKNOWN, "two", "Not looked at."),
        a_finding(Level.ERROR, "bad", "It is bad.", "Make it good."),
    ]
    expected = """\
        https://gateway.example.com (production, 3 replicas)

        error    bad                 It is bad.
                                     Make it good.
        warning  odd                 It is odd in a way that takes
                                     more than one line.
                                     Make it even.
        unknown  one, two
                 Not looked at.
        ok       fine                It is so.

        1 error, 1 warning, 2 unknown, 1 ok."""
    assert as_text(an_installation(replicas=3), findings, plain) == textwrap.dedent(expected)


def test_only_the_level_is_coloured() -> None:
    text = as_text(an_installation(), [a_finding(Level.ERROR)], lambda level, text: f"<{level}>{text}</>")
    assert "<error>error</>    some-id             It is so." in text


@pytest.mark.usefixtures("production")
def test_what_could_not_be_looked_at_is_unknown_to_each_check_that_needs_it_and_the_others_still_speak() -> None:
    blind = an_installation(server=NOWHERE, direct=NOWHERE)
    levels = {finding.id: finding.level for finding in examine(blind)}
    assert blind.is_blind
    assert levels["db-answers"] is levels["db-listen"] is Level.ERROR
    unknown = {id for id, level in levels.items() if level is Level.UNKNOWN}
    assert {"db-version", "db-schema", "db-clock", "db-budget", "db-belts", "db-idle-session"} <= unknown
    assert levels["db-pool"] is levels["process-fork"] is levels["secret-key"] is Level.OK


@pytest.mark.usefixtures("production")
def test_the_json_has_one_schema_whatever_was_found() -> None:
    for installation in (an_installation(), an_installation(server=NOWHERE, direct=NOWHERE, rehearsal=NOWHERE)):
        found = json.loads(as_json(installation, examine(installation), 0))
        assert list(found) == ["schema", "public_url", "production", "replicas", "exit_code", "summary", "findings"]
        assert found["schema"] == 1
        assert list(found["summary"]) == ["error", "warning", "unknown", "ok"]
        assert sum(found["summary"].values()) == len(CHECKS)
        assert {finding["id"] for finding in found["findings"]} == set(CHECKS)
        for finding in found["findings"]:
            assert list(finding) == ["id", "level", "seen", "cure"]
            assert all(isinstance(value, str) for value in finding.values())
