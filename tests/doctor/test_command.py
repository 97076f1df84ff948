"""`manage.py gateway doctor`, from the command line to its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from gatewaysite.doctor.checks import CHECKS
from tests.committed import database_url, db

__all__ = ["db"]

ROOT = Path(__file__).resolve().parent.parent.parent


def doctor(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    taken = {"DATABASE_DIRECT_URL", "PUBLIC_URL", "WORKERS", "PROMETHEUS_MULTIPROC_DIR", "GUNICORN_CMD_ARGS"}
    given = {name: value for name, value in os.environ.items() if name not in taken} | environment
    command = [sys.executable, str(ROOT / "manage.py"), "gateway", "doctor", *options]
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False, timeout=120)


def test_a_healthy_installation_on_this_machine_is_told_so(db: None) -> None:
    done = doctor(DATABASE_URL=database_url(), SECRET_KEY="0123456789abcdef" * 4)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "error" not in done.stdout
    assert "warning" not in done.stdout
    assert "ok       db-budget           2 workers x 1 replica x 15 connections = 30, within" in done.stdout
    assert f"{len(CHECKS)} ok." in done.stdout
    assert "\x1b" not in done.stdout


def test_machines_get_json_and_every_complaint_at_once(db: None) -> None:
    done = doctor(
        *("--format", "json", "--replicas", "40", "--workers", "3", "--strict"),
        DATABASE_URL=database_url(),
        PUBLIC_URL="http://gateway.example.com",
        SECRET_KEY="nothing",
    )
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert (found["exit_code"], found["replicas"], found["production"]) == (1, 40, True)
    complaints = {finding["id"]: finding["level"] for finding in found["findings"] if finding["level"] == "error"}
    assert set(complaints) == {"db-budget", "secret-key", "encryption-keys", "allowed-hosts", "public-url"}
    assert "3 workers x 40 replicas" in next(f["seen"] for f in found["findings"] if f["id"] == "db-budget")


def test_without_a_database_the_rest_is_looked_at_and_no_password_told() -> None:
    done = doctor(DATABASE_URL="postgresql://bob:geheim@127.0.0.1:1/poolgate")
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert "geheim" not in done.stdout + done.stderr
    assert "The database does not answer" in done.stdout  # in whose words depends on how busy the machine is
    assert "Not looked at. The database does not answer." in done.stdout
    assert "ok       process-fork" in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--replicas", "0"],
        ["--workers", "many"],
        ["--url", "gateway.example.com"],
        ["--url", "https://bob:geheim@gateway.example.com"],
        ["--url", "http://[::1"],
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str]) -> None:
    with pytest.raises(CommandError, match="must be"):
        call_command("gateway", "doctor", *options)
