"""Driving wrk: its command line, its environment, and the line of JSON our script makes it print."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("wrk.lua")
MARK = "BENCH "
THREADS = 2
TIMEOUT_S = 30


class NoWrk(Exception):
    """wrk is missing or did not do its work."""


@dataclass(frozen=True)
class Request:
    """What every client of a workload sends, again and again, and a text that only a good answer contains."""

    method: str
    path: str
    headers: Mapping[str, str]
    expect: str
    body: str = ""


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    requests: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    errors: dict[str, int]
    sample: str

    @property
    def rate(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def failed(self) -> int:
        """Broken connections, time-outs, statuses other than 200, and bodies that are not the answer."""
        return sum(self.errors.values())


ERRORS = ("connect", "read", "write", "timeout", "refused", "wrong")


def find_wrk() -> str:
    """The program's path. Raises NoWrk with the command that installs it."""
    path = shutil.which("wrk")
    if path is None:
        raise NoWrk("wrk, which makes the load, is not installed: apt-get install -y wrk")
    return path


def run(url: str, request: Request, *, clients: int, seconds: float, bodies: bool) -> tuple[Load, float]:
    """Let this many clients ask for this long. Returns what wrk saw and the CPU seconds it took for it.

    Without `bodies` only statuses of 400 and more are errors, and wrk needs half the CPU for a large answer.
    """
    threads = min(THREADS, clients)
    command = [find_wrk(), "-t", str(threads), "-c", str(clients), "-d", f"{max(1, round(seconds))}s"]
    command += ["--timeout", f"{TIMEOUT_S}s", "-s", str(SCRIPT), url + request.path]
    with subprocess.Popen(
        command, env=_environment(request, bodies=bodies), stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None  # noqa: S101 -- a pipe
            output = child.stdout.read()
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise NoWrk(f"wrk ended with {child.returncode}:\n{output}")
    return parse(output), used.ru_utime + used.ru_stime


def parse(output: str) -> Load:
    """The figures in what wrk printed."""
    line = next((line for line in output.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise NoWrk(f"wrk printed no figures:\n{output}")
    said = json.loads(line.removeprefix(MARK))
    return Load(
        requests=said["requests"],
        seconds=said["seconds"],
        p50_ms=said["p50_ms"],
        p90_ms=said["p90_ms"],
        p99_ms=said["p99_ms"],
        max_ms=said["max_ms"],
        errors={name: said[name] for name in ERRORS},
        sample=said["sample"],
    )


def _environment(request: Request, *, bodies: bool) -> dict[str, str]:
    asked = {"BENCH_BODIES": "1"} if bodies else {}
    return (
        os.environ
        | asked
        | {
            "BENCH_METHOD": request.method,
            "BENCH_BODY": request.body,
            "BENCH_HEADERS": "\n".join(f"{name}: {value}" for name, value in request.headers.items()),
            "BENCH_EXPECT": request.expect,
        }
    )
