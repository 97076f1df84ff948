"""The three doors: the command, the system check, and the project itself as a test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import checks
from pytest_django import Settings

from gatewaysite.guard import __main__ as command
from gatewaysite.guard.checks import connection_discipline, messages, project_folder, runs_another_command
from gatewaysite.guard.config import load
from gatewaysite.guard.engine import check
from gatewaysite.guard.model import RULES
from gatewaysite.guard.report import FORMATS
from tests.guard import mutations
from tests.guard.samples.caught import CAUGHT
from tests.guard.sampling import report, write

ROOT = Path(__file__).resolve().parent.parent.parent
ONE = CAUGHT["07 a helper calls the pool, its caller holds a block"]


def test_this_project_is_clean_with_an_empty_allowlist_and_nearly_all_its_calls_are_resolved() -> None:
    found = check(config=load(ROOT))
    assert FORMATS["text"](found).splitlines()[:-1] == []
    assert (found.exit_code, found.allowed) == (0, 0)
    assert found.coverage >= 0.9


MUTATED = dict(mutations.other_packages()) | {"this project": mutations.own_project()}


@pytest.mark.parametrize("name", MUTATED)
def test_a_few_sinks_of_real_views_are_caught_when_they_are_moved_into_a_transaction(tmp_path: Path, name: str) -> None:
    outcomes = mutations.mutate(mutations.copy_of(MUTATED[name], tmp_path), sample=4, seed=20)
    assert [outcome for outcome in outcomes if not outcome.caught] == []
    assert outcomes


def test_the_mutations_know_django_and_a_package_in_a_folder_called_like_it() -> None:
    assert {"django", "procrastinate"} <= MUTATED.keys()


def test_text_names_place_rule_message_and_path(tmp_path: Path) -> None:
    write(tmp_path, ONE)
    first, last = FORMATS["text"](report(tmp_path)).splitlines()
    assert first.startswith("app/views.py:9 R3 ")
    assert first.endswith("  path: show -> fetch -> httpx.Client().request")
    assert last.startswith("guard: 2 files in ")
    assert "calls resolved, 1 finding" in last


def test_json_holds_the_same(tmp_path: Path) -> None:
    write(tmp_path, ONE)
    (finding,) = json.loads(FORMATS["json"](report(tmp_path)))["findings"]
    assert (finding["file"], finding["line"], finding["rule"], finding["function"]) == (
        "app/views.py",
        9,
        "R3",
        "show",
    )
    assert [step["line"] for step in finding["path"]] == [9, 5]


def test_sarif_has_what_the_standard_requires(tmp_path: Path) -> None:
    write(tmp_path, ONE + "# file: broken.py\ndef (\n")
    whole = json.loads(FORMATS["sarif"](report(tmp_path)))
    assert whole["version"] == "2.1.0"
    (run,) = whole["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(RULES)
    (result,) = run["results"]
    assert result["ruleId"] == "R3" == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"]
    assert result["message"]["text"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("app/views.py", 9)
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in steps] == ["fetch", "httpx.Client().request"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "is not read" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_the_command_tells_by_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "fine.py").write_text("x = 1\n")
    assert command.main([str(tmp_path)]) == 0
    write(tmp_path, ONE)
    assert command.main([str(tmp_path)]) == 1
    (tmp_path / "broken.py").write_text("x = 1\ndef (:\n")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    capsys.readouterr()
    assert command.main([str(tmp_path)]) == 2
    said = capsys.readouterr().out
    assert "broken.py:2 is not read" in said
    assert "binary.py:1 is not read" in said
    assert "app/views.py:9 R3" in said  # the rest is judged all the same
    assert command.main([str(tmp_path / "nowhere")]) == 2


def test_the_command_runs_without_django_being_set_up(tmp_path: Path) -> None:
    write(tmp_path, ONE)
    ran = subprocess.run(
        [sys.executable, "-S", "-m", "gatewaysite.guard", str(tmp_path), "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    assert len(json.loads(ran.stdout)["findings"]) == 1


def test_the_system_check_is_registered_under_its_own_tag() -> None:
    assert checks.registry.registry.tag_exists("guard")
    assert checks.run_checks(tags=["guard"]) == []


def test_other_commands_do_not_wait_for_it() -> None:
    assert runs_another_command(["manage.py", "migrate"])
    assert runs_another_command(["/app/manage.py"])
    assert not runs_another_command(["manage.py", "check", "--tag", "guard"])
    assert not runs_another_command(["pytest", "tests"])


def test_the_system_check_looks_at_the_project_from_whatever_folder_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    write(tmp_path, ONE)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    settings.BASE_DIR = str(tmp_path)
    assert [message.id for message in connection_discipline(None)] == ["guard.E003"]
    del settings.BASE_DIR
    assert project_folder([str(tmp_path / "manage.py")]) == tmp_path
    (tmp_path / "pyproject.toml").write_text('[tool.poolgate.guard]\npaths = ["nowhere"]\n')
    settings.BASE_DIR = tmp_path
    assert [message.id for message in connection_discipline(None)] == ["guard.E100"]


def test_a_finding_is_an_error_of_the_system_check_with_its_rules_number(tmp_path: Path) -> None:
    write(tmp_path, ONE + "# file: broken.py\ndef (\n")
    assert [message.id for message in messages(report(tmp_path))] == ["guard.E003", "guard.E100"]
