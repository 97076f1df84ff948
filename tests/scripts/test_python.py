"""scripts/python: which interpreter is taken, and what is said when there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FIND = Path(__file__).resolve().parent.parent.parent / "scripts" / "python"


def find(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Only what a test puts there can be found: no interpreter of this machine is on PATH or below HOME."""
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("sh", "cat", "dirname", "printf", "tail"):
        if not (tools / name).exists():
            (tools / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    path = {"PATH": str(tools), "HOME": str(tmp_path / "home")}
    if "LD_LIBRARY_PATH" in os.environ:  # our own interpreter may not start without
        path["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return subprocess.run([str(FIND)], env=path | environment, capture_output=True, text=True, check=False)


def fake(path: Path, version: str) -> None:
    """An interpreter that is too old, in its own words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'is {version}' >&2\nexit 1\n")
    path.chmod(0o755)


@pytest.fixture(autouse=True)
def no_other_interpreters() -> None:
    for pattern in ("/opt/python*/bin/python3", "/usr/local/bin/python3.1?", "/opt/homebrew/bin/python3.1?"):
        if list(Path("/").glob(pattern.lstrip("/"))):
            pytest.skip(f"this machine has {pattern}")


def test_all_that_was_looked_at_is_named_when_nothing_fits(tmp_path: Path) -> None:
    fake(tmp_path / "tools" / "python3", "3.9.2")
    fake(tmp_path / "home" / ".pyenv" / "versions" / "3.11.4" / "bin" / "python", "3.11.4")
    answer = find(tmp_path)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert "Python 3.12 or newer" in answer.stderr
    assert "python3.13: not found" in answer.stderr
    assert f"{tmp_path}/tools/python3: is 3.9.2" in answer.stderr
    assert f"{tmp_path}/home/.pyenv/versions/3.11.4/bin/python: is 3.11.4" in answer.stderr


def test_an_interpreter_of_pyenv_is_found_without_its_shims(tmp_path: Path) -> None:
    fake(tmp_path / "tools" / "python3", "3.9.2")
    kept = tmp_path / "home" / ".pyenv" / "versions" / "3.13.0" / "bin" / "python"
    kept.parent.mkdir(parents=True)
    kept.symlink_to(Path(sys.executable).resolve())
    assert Path(find(tmp_path).stdout.strip()).resolve() == Path(sys.executable).resolve()


def test_the_one_that_is_named_wins(tmp_path: Path) -> None:
    assert Path(find(tmp_path, PYTHON=sys.executable).stdout.strip()) == Path(sys.executable)
