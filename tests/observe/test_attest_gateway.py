"""The command against real gateways: one keeps its promises, one has a broken view, and databases go away."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from bench.upstream import WAIT_S
from gatewaysite.embedded import serve
from proxy_app.models import Attestation, Server
from proxy_app.observe.attest.report import make_report
from proxy_app.observe.attest.signing import check
from proxy_app.observe.attest.watch import Watch
from tests.builders import a_token, an_admin
from tests.committed import database_url
from tests.gateway_process import ROOT, GatewayProcess, serving

# Long enough for calls of the slow upstream to end in it, and for the clients to ask for everything there is.
WINDOW_S, CLIENTS = 7, 24
TIMES = {"idle_too_long", "oldest_idle", "average_idle", "over_budget"}
RESTS_MS = 1000
JOB_WORKER = "procrastinate/"
NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """The fake upstream of the benchmarks, whose tool `wait` takes five seconds."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.upstream"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/modern"
        process.terminate()


@pytest.fixture
def token(db: None) -> str:
    return a_token(an_admin())


@contextmanager
def a_gateway(folder: Path, token: str, upstream: str, **environment: str) -> Iterator[GatewayProcess]:
    """Two workers, whose files the command finds, and an upstream that is slow."""
    told: dict[str, Any] = {"RUN_DIR": str(folder / "run"), "GUARD_MODE": "count"} | environment
    with serving(database_url(), folder, **told) as gateway:
        headers = {"authorization": f"Bearer {token}"}
        body = {"name": "far", "url": upstream, "visibility": "public"}
        answer = httpx.post(gateway.url + "/gateways", json=body, headers=headers, timeout=20)
        assert answer.status_code == 201, answer.text
        path = f"/gateways/{answer.json()['id']}"
        gateway.until(path, lambda answer: answer.json()["status"] == "active", 30, token=token)
        yield gateway


def attest(gateway: GatewayProcess, token: str, folder: Path, **environment: str) -> tuple[int, dict[str, Any], str]:
    """Run the command, as a pipeline would. Its exit code, its report, and what it printed."""
    file = folder / "report.json"
    load = ["--load", "mixed", "--clients", str(CLIENTS), "--pause", "0.3", "--url", gateway.url, "--token", token]
    tools = ["--slow-tool", "far-wait", "--slow-arguments", "{}", "--fast-tool", "far-echo"]
    command = ["gateway", "attest", "--seconds", str(WINDOW_S), "--output", str(file), *load, *tools]
    code, printed = manage(*command, DATABASE_URL=database_url(), RUN_DIR=str(folder / "run"), **environment)
    return code, check(file.read_bytes()).report, printed


def starved(report: dict[str, Any]) -> bool:
    """Whether all that was missed are times and samples, which a machine may take from a transaction or a watcher.

    A broken rule or a silent process is never excused.
    """
    missed = {target["name"] for target in report["targets"] if target["met"] is False}
    return missed <= TIMES and all("samples were taken" in reason for reason in report["reasons"])


def start_inside(gateway: GatewayProcess, token: str) -> str:
    """Let the gateway's own job watch as well, as the page does. Where its report will be."""
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(gateway.url + "/ops/attestations", json={"seconds": 5}, headers=headers, timeout=20)
    assert answer.status_code == 202, answer.text
    return f"/ops/attestations/{answer.json()['id']}"


def manage(*command: str, **environment: str) -> tuple[int, str]:
    told = {"SECRET_KEY": "only-for-tests", "DATABASE_DIRECT_URL": environment["DATABASE_URL"]} | environment
    ended = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=os.environ | told, capture_output=True, text=True
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_the_gateway_passes_under_load_and_the_report_is_kept(
    token: str, upstream: str, tmp_path: Path, settings: Settings
) -> None:
    with a_gateway(tmp_path, token, upstream) as gateway:
        settings.RUN_DIR = tmp_path / "of-another-machine"
        elsewhere = ThreadPoolExecutor(1).submit(Watch(database_url(), seconds=WINDOW_S + 2).run)
        started = start_inside(gateway, token)
        for _again in range(3):
            code, report, printed = attest(gateway, token, tmp_path)
            if code == 0 or not starved(report):
                break
            print(printed)  # what was tried again is told, should the test fail in the end
        inside = gateway.until(started, lambda answer: answer.json()["status"] == "done", 30, token=token).json()
    # Whether a machine that does nothing else passes, is for `-m bench attest` to say.
    assert code == 0 or starved(report), printed
    # A machine that does others' work takes moments from a transaction; one that is forgotten rests for seconds.
    assert all(offender["age_ms"] < RESTS_MS for offender in report["idle_in_transaction"]["offenders"]), printed
    assert next(row["measured"] for row in report["targets"] if row["name"] == "longest_hold") < 2 * RESTS_MS, printed
    assert code == {"passed": 0, "failed": 1, "no verdict": 2}[report["verdict"]]
    assert f"ATTESTATION: {report['verdict'].upper()}" in printed
    assert len(report["processes"]) == 2
    assert report["connections"]["bound"] == 20
    assert report["requests"] > 50
    slow, *_others = report["load"]["parts"]
    assert slow["p50_ms"] > WAIT_S * 1000, "clients waited for the slow upstream"
    # Handlers and jobs hold connections in units of ours. Only the worker of the jobs asks for them by itself.
    held_by = {row["route"]: row["longest"]["file"] for row in report["routes"] if row["longest"]}
    assert held_by.pop("jobs", JOB_WORKER).startswith(JOB_WORKER)
    assert {file for file in held_by.values() if not file.startswith(("proxy_app/", "auth_app/"))} == set()
    kept = Attestation.objects.latest("created_at")
    assert (kept.verdict, kept.created_via) == (report["verdict"], "command")
    assert check(json.dumps(kept.document).encode()).report == report
    assert not Server.objects.exists(), "what the writers made is gone"
    assert all(process["seen_to_the_end"] for process in report["processes"])
    asked = elsewhere.result()
    told = [process["id"] for process in asked.ledgers.processes(asked.ended_at)]
    assert told == [process["id"] for process in report["processes"]], "they were asked by notification"
    assert asked.ledgers.bound == 20
    by_the_job = check(json.dumps(inside["document"]).encode()).report
    assert by_the_job["verdict"] in ("passed", "failed")
    assert by_the_job["processes"] == report["processes"]
    assert by_the_job["samples"]["taken"] > 40


def test_with_one_broken_view_it_fails_and_names_the_line(token: str, upstream: str, tmp_path: Path) -> None:
    with a_gateway(tmp_path, token, upstream, DJANGO_SETTINGS_MODULE="tests.observe.broken_settings") as gateway:
        code, report, printed = attest(gateway, token, tmp_path)
    assert code == 1, printed
    assert {target["name"] for target in report["targets"] if target["met"] is False} >= {
        "idle_too_long",
        "over_budget",
    }
    broken = [one for one in report["idle_in_transaction"]["offenders"] if one["route"] == "broken-servers"]
    assert broken, printed
    line = next(
        number
        for number, text in enumerate((ROOT / "tests/observe/broken_urls.py").read_text().splitlines(), 1)
        if "with transaction.atomic()" in text or "Server.objects.count()" in text
    )
    assert broken[0]["file"] == "tests/observe/broken_urls.py"
    assert broken[0]["line"] in (line, line + 1)
    assert broken[0]["function"] == "servers"
    assert f"tests/observe/broken_urls.py:{broken[0]['line']} servers" in printed


def test_a_connection_that_is_out_from_start_to_end_fails_and_its_line_is_named(
    token: str, upstream: str, tmp_path: Path
) -> None:
    """None of its holds ends in the window. One rests in its transaction, and one is held while a page is rendered."""
    file, headers = tmp_path / "report.json", {"authorization": f"Bearer {token}"}
    parked = {"DJANGO_SETTINGS_MODULE": "tests.observe.parked_settings"}
    with a_gateway(tmp_path, token, upstream, **parked) as gateway, ThreadPoolExecutor(2) as askers:
        for view in ("idle", "rendering"):
            askers.submit(httpx.get, f"{gateway.url}/parked/{view}", headers=headers, timeout=60)
        time.sleep(1)
        command = ["gateway", "attest", "--seconds", "3", "--output", str(file)]
        code, printed = manage(*command, DATABASE_URL=database_url(), RUN_DIR=str(tmp_path / "run"))
        (tmp_path / "run" / "leave").touch()
    assert code == 1, printed
    found = {(one["route"], one["rule"], one["file"]) for one in check(file.read_bytes()).report["held_open"]}
    assert found == {
        ("parked-idle", "idle_in_transaction", "tests/observe/parked_urls.py"),
        ("parked-rendering", "held_in_render", "tests/observe/parked_urls.py"),
    }
    assert "held while a page was rendered" in printed


def test_a_gateway_that_serves_nobody_or_has_no_guard_proves_nothing(token: str, upstream: str, tmp_path: Path) -> None:
    with a_gateway(tmp_path, token, upstream, GUARD_MODE="off"):
        code, printed = manage(
            "gateway", "attest", "--seconds", "3", DATABASE_URL=database_url(), RUN_DIR=str(tmp_path / "run")
        )
    assert code == 2, printed
    assert "GUARD_MODE is off in" in printed
    assert "silence proves nothing" in printed


def test_a_database_that_is_down_from_the_start_is_no_verdict_and_no_traceback() -> None:
    began = time.monotonic()
    code, printed = manage("gateway", "attest", "--seconds", "3", DATABASE_URL=NOBODY, DB_POOL_TIMEOUT="1")
    assert code == 2
    assert "ATTESTATION: NO VERDICT" in printed
    assert "The database did not answer once." in printed
    assert "not kept" in printed
    assert "Traceback" not in printed
    assert time.monotonic() - began > 3, "it went on looking until its time was over"


def test_a_database_that_goes_away_in_between_is_no_verdict_and_is_watched_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    with serve(tmp_path / "database") as url:
        watch = Watch(url, seconds=6)
        seen: list[Any] = []
        watching = threading.Thread(target=lambda: seen.append(watch.run()))
        watching.start()
        time.sleep(1)
    with serve(tmp_path / "database") as again:
        assert again == url
        watching.join()
    tally = seen[0].tally
    assert tally.away > 0
    assert tally.taken > 15
    assert tally.timeline[-1]["second"] > 5, "it was watched again"
    report = make_report(seen[0])
    assert report["verdict"] == "no verdict"
    assert any("The database did not answer for" in reason for reason in report["reasons"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seconds", "0"], "must be seconds from 1"),
        (["--seconds", "soon"], "must be seconds from 1"),
        (["--every", "0.001"], "must be seconds from 0.05"),
        (["--load", "everything"], "invalid choice"),
        (["--load", "mixed", "--url", "http://gateway.example.com", "--token", "t"], "say --i-own-this-installation"),
        (["--load", "mixed", "--url", "http://127.0.0.1:1"], "needs an administrator's token"),
        (["--slow-arguments", "[]"], "must be a JSON object"),
        (["--clients", "100000"], "from 1 to 2000"),
        (["--verify", "/no/such/report.json"], "cannot be read"),
        (["--output", "/no/such/folder/report.json"], "cannot be written: there is no such folder"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_watched(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from django.core.management import ManagementUtility

    with pytest.raises(SystemExit) as end:
        ManagementUtility(["manage.py", "gateway", "attest", *options]).execute()
    assert end.value.code == 2, "1 is a verdict"
    assert said in capsys.readouterr().err


def test_a_load_that_cannot_be_made_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    from django.core.management import call_command

    with pytest.raises(SystemExit) as end:
        call_command("gateway", "attest", "--load", "mixed", "--url", "http://127.0.0.1:1", "--token", "t")
    assert end.value.code == 2
    assert "no verdict: http://127.0.0.1:1 does not answer" in capsys.readouterr().err
