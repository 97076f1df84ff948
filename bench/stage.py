"""Everything a load test stands on: a scratch PostgreSQL, the fake upstream, the gateway. Started and stopped here."""

import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

from bench.gateway import Gateway, GatewayFailed, wait_ready
from gatewaysite.embedded import serve
from gatewaysite.embedded.account import dying_with_us
from gatewaysite.embedded.environment import local_environment

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
STOP_WITHIN_S = 15.0
ADMIN_EMAIL, ADMIN_PASSWORD = "bench@example.com", "bench-password-for-this-run-only"
TOKEN = "bench-token-for-this-run-only-0123456789"  # noqa: S105

# What differs from the defaults: 4,000 callers waiting for one slow upstream need as many connections to it, however
# unevenly the workers share them.
SETTINGS = {
    "WORKERS": str(WORKERS),
    "HTTP_MAX_CONNECTIONS": "4000",
    "HTTP_MAX_CONNECTIONS_PER_UPSTREAM": "4000",
    "HTTP_MAX_SHARE_PERCENT": "100",
    "HTTP_MAX_KEEPALIVE_CONNECTIONS": "4000",
    "STREAM_MAX_OPEN": "4000",
    "UPSTREAM_ALLOWED_NETWORKS": "127.0.0.0/8",
    "ADMIN_EMAIL": ADMIN_EMAIL,
    "ADMIN_PASSWORD": ADMIN_PASSWORD,
    "GATEWAY_BOOTSTRAP_TOKEN": TOKEN,
    "LOG_FORMAT": "json",
}
# Settings of the caller's own shell must not change what is measured.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")


class CannotBench(Exception):
    """What is in the way, for a person at a terminal."""


@dataclass(frozen=True)
class Stage:
    """Where everything is. Process ids are the roots of trees: gunicorn's arbiter, PostgreSQL's postmaster."""

    gateway: Gateway
    upstream_url: str
    database_url: str
    gateway_pid: int
    upstream_pid: int
    postgres_pid: int
    # What the gateway was told, for commands that look at the same installation.
    environment: Mapping[str, str]


@contextmanager
def set_up(say: Callable[[str], None]) -> Iterator[Stage]:
    """A whole gateway with nothing registered. Whatever was started is stopped at the end, by its process id."""
    _allow_many_files()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="poolgate-bench-")))
        say("starting PostgreSQL")
        database_url = stack.enter_context(serve(folder))
        environment = _environment(folder, database_url, port=_free_port())
        _manage(environment, folder, "migrate", "--verbosity", "0")
        _manage(environment, folder, "gateway", "bootstrap")
        say("starting the upstream and the gateway")
        upstream, upstream_url = _start_upstream(stack, environment)
        log = folder / "gateway.log"
        arbiter = stack.enter_context(
            _child([sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")], environment, log)
        )
        gateway = Gateway("127.0.0.1", int(environment["PORT"]), TOKEN, ADMIN_EMAIL, ADMIN_PASSWORD)
        try:
            wait_ready(gateway, lambda: arbiter.poll() is None, WORKERS)
            pids = (arbiter.pid, upstream.pid, _postmaster_pid(folder))
            yield Stage(gateway, upstream_url, database_url, *pids, environment)
        except GatewayFailed:
            _show_end(log, say)
            raise


def _environment(folder: Path, database_url: str, *, port: int) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return local_environment(inherited | SETTINGS | {"PORT": str(port), "DATA_DIR": str(folder)}, database_url)


def _allow_many_files() -> None:
    """Each client, and each call to an upstream, is an open file of the process that holds it."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _manage(environment: Mapping[str, str], folder: Path, *arguments: str) -> None:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    log = folder / "manage.log"
    with _child(command, environment, log) as child:
        if child.wait():
            raise CannotBench(f"manage.py {arguments[0]} failed:\n{log.read_text(errors='replace')[-2000:]}")


def _start_upstream(stack: ExitStack, environment: Mapping[str, str]) -> tuple["subprocess.Popen[bytes]", str]:
    child = stack.enter_context(_child([sys.executable, "-m", "bench.upstream"], environment, None))
    assert child.stdout is not None  # noqa: S101 -- a pipe, as there is no log
    port = child.stdout.readline().strip()
    if not port.isdigit():
        raise CannotBench("The fake upstream did not start.")
    return child, f"http://127.0.0.1:{port.decode()}"


@contextmanager
def _child(command: list[str], environment: Mapping[str, str], log: Path | None) -> Iterator["subprocess.Popen[bytes]"]:
    # A session of its own: Ctrl-C in the terminal is for us, who stop the parts in the right order.
    with ExitStack() as stack:
        output = stack.enter_context(log.open("wb")) if log else subprocess.PIPE
        child = subprocess.Popen(
            dying_with_us(command, "TERM"),
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if log else None,
            start_new_session=True,
        )
        try:
            yield child
        finally:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(STOP_WITHIN_S)
            with suppress(ProcessLookupError):
                os.killpg(child.pid, SIGKILL)  # workers that outlived their arbiter
            child.wait()


def _postmaster_pid(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def _show_end(log: Path, say: Callable[[str], None]) -> None:
    """The gateway's last words, while its log still exists."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    for line in lines[-15:]:
        say(f"gateway: {line[:400]}")
