"""The configuration from a terminal or a pipeline."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from auth_app.models import AuditEntry
from proxy_app.models import Gateway, Transfer
from proxy_app.transfer.document import as_yaml, parse
from tests.builders import a_gateway, a_user, an_admin
from tests.transfer.conftest import a_document

GATEWAY = {"name": "GitHub", "url": "https://mcp.github.example.com/mcp"}


@pytest.fixture(autouse=True)
def _administrator(db: None) -> None:
    an_admin("ops@example.com")


def gateway(*arguments: Any) -> tuple[int, str, str]:
    """(exit code, output, errors)."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("gateway", *map(str, arguments), "--as", "ops@example.com", stdout=out, stderr=err)
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "poolgate.yaml"
    path.write_text(as_yaml(a_document(gateways=[GATEWAY]), "https://gw.example.com/schema/config.json"))
    return path


def test_a_plan_exits_with_2_when_something_would_change_and_with_0_when_not(file: Path) -> None:
    code, out, _ = gateway("plan", file)
    assert code == 2
    assert out.startswith("+ gateway GitHub\n")
    assert '    url: "https://mcp.github.example.com/mcp"\n' in out
    assert out.endswith("1 to create.\n")
    assert not Gateway.objects.exists()
    assert gateway("apply", file, "--yes")[0] == 0
    code, out, _ = gateway("plan", file)
    assert (code, out) == (0, "1 as they are.\n")


def test_a_change_is_printed_with_before_and_after(file: Path) -> None:
    a_gateway("GitHub", url="https://old.example.com/mcp")
    _, out, _ = gateway("plan", file)
    assert '~ gateway GitHub\n    url: "https://old.example.com/mcp" -> "https://mcp.github.example.com/mcp"' in out


def test_prune_prints_what_goes(file: Path) -> None:
    a_gateway("gone")
    assert "- gateway gone" in gateway("plan", file, "--prune")[1]


def test_it_is_done_as_somebody_and_kept_as_such(file: Path) -> None:
    gateway("apply", file, "--yes")
    assert Gateway.objects.get().created_by == "ops@example.com"
    assert Transfer.objects.values_list("created_by", "created_via", "status").get() == (
        "ops@example.com", "command", "completed",
    )  # fmt: skip
    assert set(AuditEntry.objects.values_list("actor_email", flat=True)) == {"ops@example.com"}


def test_nobody_at_a_terminal_has_to_say_yes_before(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="--yes"):
        call_command("gateway", "apply", str(file), "--as", "ops@example.com", stdout=io.StringIO())
    assert not Gateway.objects.exists()


def test_an_export_is_what_apply_takes(tmp_path: Path) -> None:
    a_gateway("one")
    target = tmp_path / "out.yaml"
    assert gateway("export", "--output", target, "--types", "gateways")[0] == 0
    assert [one["name"] for one in parse(target.read_text())["gateways"]] == ["one"]
    assert gateway("plan", target)[0] == 0
    code, out, _ = gateway("export", "--format", "json")
    assert (code, parse(out)["format"]) == (0, "poolgate/1")


def test_what_is_wrong_is_said_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("format: poolgate/1\ngateways:\n  - {name: x, surprise: 1}\n")
    code, _, err = gateway("plan", path)
    assert (code, err) == (1, "gateways.0.surprise: There is no such member of a gateway\n")
    path.write_text("format: poolgate/1\ngateways: [\n")
    assert "Line 3" in gateway("plan", path)[2]
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("gateway", "plan", str(tmp_path / "none"), "--as", "ops@example.com")


def test_only_an_administrator_acts(file: Path) -> None:
    a_user("ann@example.com")
    for email in ("ann@example.com", "nobody@example.com"):
        with pytest.raises(CommandError, match="no administrator"):
            call_command("gateway", "plan", str(file), "--as", email)
