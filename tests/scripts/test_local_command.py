"""`python -m gatewaysite.embedded COMMAND`: what `make migrate` and `make shell` stand on."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gatewaysite.embedded import serve
from gatewaysite.embedded.environment import ADDRESS, keeping_address, local_environment, public_url

ROOT = Path(__file__).resolve().parent.parent.parent
SHOW = "import os; print(os.environ['DATABASE_URL'], os.environ['SECRET_KEY'])"


def run_local(folder: Path, program: str, **given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gatewaysite.embedded", sys.executable, "-c", program]
    taken = {"DATABASE_URL", "SECRET_KEY"}
    kept = {name: value for name, value in os.environ.items() if name not in taken}
    environment = kept | {"DATA_DIR": str(folder)} | given
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_command_gets_the_running_database_and_the_kept_key(tmp_path: Path) -> None:
    with serve(tmp_path, disposable=True) as url:
        first, second = (run_local(tmp_path, SHOW).stdout.split() for _ in range(2))
    assert first == second
    assert first[0] == url
    assert len(first[1]) >= 50
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_a_command_gets_a_database_for_itself_when_none_runs(tmp_path: Path) -> None:
    program = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).close()"
    assert run_local(tmp_path, program).returncode == 0
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_what_is_set_already_stays(tmp_path: Path) -> None:
    answer = run_local(tmp_path, SHOW, DATABASE_URL="postgresql:///elsewhere", SECRET_KEY="mine")
    assert answer.stdout.split() == ["postgresql:///elsewhere", "mine"]
    assert not (tmp_path / "postgres").exists()


def address_of(folder: Path, **given: str) -> dict[str, str]:
    return {name: local_environment({"DATA_DIR": str(folder)} | given, "postgresql:///x")[name] for name in ADDRESS}


def test_a_command_beside_a_run_is_about_the_address_it_serves_at(tmp_path: Path) -> None:
    usual = address_of(tmp_path)
    assert usual["PUBLIC_URL"] == "http://127.0.0.1:8000"
    there = address_of(tmp_path, PORT="8170")
    with keeping_address(tmp_path, there):
        assert address_of(tmp_path) == there | {"PUBLIC_URL": "http://127.0.0.1:8170"}
        assert address_of(tmp_path, PORT="9000")["PUBLIC_URL"] == "http://127.0.0.1:9000"
        assert address_of(tmp_path, PUBLIC_URL="https://x.example") == usual | {"PUBLIC_URL": "https://x.example"}
    assert address_of(tmp_path) == usual


def test_the_address_of_a_run_that_was_killed_is_nobodys(tmp_path: Path) -> None:
    usual = address_of(tmp_path)
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    (tmp_path / "address.json").write_text(json.dumps({"pid": ended.pid} | address_of(tmp_path, PORT="8170")))
    assert address_of(tmp_path) == usual
    (tmp_path / "address.json").write_text("{")
    assert address_of(tmp_path) == usual


def test_the_exit_code_is_the_one_of_the_command(tmp_path: Path) -> None:
    assert run_local(tmp_path, "raise SystemExit(7)", DATABASE_URL="postgresql:///elsewhere").returncode == 7


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("gateway.example", "http://gateway.example:8000"),
    ],
)
def test_the_url_that_is_printed_can_be_typed_into_a_browser(host: str, url: str) -> None:
    assert public_url(host, "8000") == url
