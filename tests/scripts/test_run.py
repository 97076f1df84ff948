"""`make run`, from its launcher on: it serves, says what is in the way, and leaves no process behind."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewaysite.embedded.environment import local_environment

ROOT = Path(__file__).resolve().parent.parent.parent
LAUNCHER = [sys.executable, str(ROOT / "scripts" / "run.py")]
STOPPED_WITHIN_S = 20.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of this test run's database or settings, and a marker by which its processes are known."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"DATA_DIR": str(tmp_path / "data"), "PORT": str(port), "WORKERS": "1"}


@pytest.fixture
def launched(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (tmp_path / "output").open("wb") as output:
        launcher = subprocess.Popen(LAUNCHER, env=environment, stdout=output, stderr=output)
    wait_until(lambda: launcher.poll() is not None or is_ready(environment), 60, tmp_path / "output")
    assert launcher.poll() is None, (tmp_path / "output").read_text()
    yield launcher
    if launcher.poll() is None:
        launcher.terminate()
        launcher.wait(STOPPED_WITHIN_S)
    wait_until(lambda: not processes_of(environment), STOPPED_WITHIN_S, tmp_path / "output")


def wait_until(holds: Callable[[], bool], within_s: float, output: Path) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.1)


def is_ready(environment: dict[str, str]) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", int(environment["PORT"]), timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def processes_of(environment: dict[str, str]) -> set[int]:
    """Every process that was started with this environment's DATA_DIR."""
    marker = f"DATA_DIR={environment['DATA_DIR']}".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
        except OSError:
            continue
    return found - {os.getpid()}


def test_it_serves_and_ends_with_0_when_asked_to_stop(
    launched: subprocess.Popen[bytes], environment: dict[str, str], tmp_path: Path
) -> None:
    assert len(processes_of(environment)) > 3
    # Where workers add their metrics up: without it every scrape would tell another worker's figures.
    assert list((tmp_path / "data" / f"metrics-{environment['PORT']}").glob("*.db"))
    kept = local_environment({"DATA_DIR": environment["DATA_DIR"]}, "postgresql:///x")
    assert kept["PUBLIC_URL"] == f"http://127.0.0.1:{environment['PORT']}", "commands beside it know where it serves"
    launched.send_signal(signal.SIGINT)
    assert launched.wait(STOPPED_WITHIN_S) == 0
    said = (tmp_path / "output").read_text()
    assert f"http://127.0.0.1:{environment['PORT']}" in said
    assert "admin@example.com" in said


def test_nothing_outlives_a_kill_of_the_launcher(
    launched: subprocess.Popen[bytes], environment: dict[str, str], tmp_path: Path
) -> None:
    launched.kill()
    wait_until(lambda: not processes_of(environment), STOPPED_WITHIN_S, tmp_path / "output")


def test_when_a_part_is_killed_the_rest_stops_and_the_exit_code_says_so(
    launched: subprocess.Popen[bytes], environment: dict[str, str], tmp_path: Path
) -> None:
    postmaster = int((tmp_path / "data" / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert launched.wait(STOPPED_WITHIN_S) == 1
    assert "PostgreSQL ended by itself" in (tmp_path / "output").read_text()


def refusal(environment: dict[str, str]) -> str:
    answer = subprocess.run(LAUNCHER, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 2
    assert not processes_of(environment)
    return answer.stderr


def test_a_taken_port_is_said_in_one_line_before_anything_is_made(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(environment["PORT"]))):
        assert refusal(environment).splitlines() == [
            f"Port {environment['PORT']} on 127.0.0.1 cannot be used: Address already in use. "
            "Stop what uses it, or set PORT to another."
        ]
    assert not Path(environment["DATA_DIR"]).exists()


def test_a_port_that_is_no_number_is_refused(environment: dict[str, str]) -> None:
    assert refusal(environment | {"PORT": "http"}) == "PORT=http is not a port number.\n"


def test_a_bootstrap_token_that_is_too_short_is_refused(environment: dict[str, str]) -> None:
    assert "at least 32 characters" in refusal(environment | {"GATEWAY_BOOTSTRAP_TOKEN": "too-short"})
