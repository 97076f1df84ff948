"""`make run`: PostgreSQL, the demo upstream and the gateway, in the foreground, all of them or none."""

import ctypes
import http.client
import math
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gatewaysite.embedded import EmbeddedError, serve  # noqa: E402 -- the clone is not installed, so its path comes first
from gatewaysite.embedded.account import dying_with_us  # noqa: E402
from gatewaysite.embedded.environment import data_folder, keeping_address, local_environment  # noqa: E402

STOP_WITHIN_S = 15.0
READY_WITHIN_S = 60.0
FREE_WITHIN_S = 2.0  # workers of a killed run notice within a second that they are alone
type Child = subprocess.Popen[bytes]


class CannotRun(Exception):
    """What is in the way, for a person at a terminal."""


def main() -> int:
    """0 when asked to stop, 1 when a part ended by itself, 2 when it could not start."""
    _follow_make()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with ExitStack() as stack:
            ended = _run(stack)
            print(f"{ended}. Stopping the rest.", file=sys.stderr)
    except (CannotRun, EmbeddedError) as error:
        print(error, file=sys.stderr)
        return 2
    return 1


def _run(stack: ExitStack) -> str:
    """Start everything, then sleep until some part ends; how it ended, in words."""
    given = os.environ
    host, port = given.get("HOST") or "127.0.0.1", given.get("PORT") or "8000"
    _require_free(host, port)
    url = given.get("DATABASE_URL") or stack.enter_context(
        serve(data_folder(given), max_connections=_connections_needed())
    )
    environment = local_environment({**given, "HOST": host, "PORT": port}, url)
    demo_port = _demo_port(data_folder(given))
    python, manage = sys.executable, str(ROOT / "manage.py")
    children = {
        "The demo upstream": _start(
            stack, [python, manage, "gateway", "demo-upstream", "--port", str(demo_port)], environment
        )
    }
    if not _wait_until(lambda: _accepts(demo_port), children):
        return _first_end(children)
    stack.enter_context(keeping_address(data_folder(given), environment))
    print("Preparing the database, the first administrator and the demo gateway", flush=True)
    _prepare(environment, f"http://127.0.0.1:{demo_port}/mcp")
    gunicorn = [python, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
    shared = {"PROMETHEUS_MULTIPROC_DIR": _metrics_folder(data_folder(given), port)}
    children["The gateway"] = _start(stack, gunicorn, shared | environment)
    if _wait_until(lambda: _is_ready(host, int(port)), children):
        print(f"Poolgate serves on {environment['PUBLIC_URL']} (log in there; Ctrl-C stops it)", flush=True)
    return _first_end(children)


# --- Parts ---------------------------------------------------------------------------------------------------------


def _start(stack: ExitStack, command: list[str], environment: dict[str, str]) -> Child:
    return stack.enter_context(_child(command, environment))


@contextmanager
def _child(command: list[str], environment: dict[str, str]) -> Iterator[Child]:
    # A session of its own: Ctrl-C in the terminal is for us, who stop the parts in the right order.
    child = subprocess.Popen(
        dying_with_us(command, "TERM"), env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield child
    finally:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_WITHIN_S)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # workers that outlived their master
        child.wait()


def _prepare(environment: dict[str, str], demo_url: str) -> None:
    with _child([sys.executable, str(ROOT / "scripts" / "prepare.py"), demo_url], environment) as preparing:
        if preparing.wait():
            raise CannotRun("The database could not be prepared; the lines above say why.")


def _wait_until(holds: Callable[[], bool], children: dict[str, Child]) -> bool:
    """False when a part ends first."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not holds():
        if _some_ended(children):
            return False
        if time.monotonic() > deadline:
            raise CannotRun(f"{list(children)[-1]} runs but does not answer after {READY_WITHIN_S:.0f} s.")
        time.sleep(0.1)
    return True


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_on_this_machine(host), port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _first_end(children: dict[str, Child]) -> str:
    """Sleep until some part ends; which one, and how."""
    terminal = select.poll()
    if os.isatty(0):
        terminal.register(0, 0)  # no event is asked for: a hang-up is reported all the same
    while not _some_ended(children):
        # A closed terminal signals its first process only, and make (`ssh -t host make run`) keeps that to itself.
        if terminal.poll(500):
            raise SystemExit(0)
    for name, child in children.items():
        if child.poll() is not None:
            return f"{name} ended by itself with exit code {child.returncode}"
    return "PostgreSQL ended by itself; postgres.log in the data folder says why"


def _some_ended(children: dict[str, Child]) -> bool:
    if any(child.poll() is not None for child in children.values()):
        return True
    return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None  # PostgreSQL is a child of ours too


# --- Before anything starts ----------------------------------------------------------------------------------------


def _follow_make() -> None:
    """Stop when `make` is killed without a chance to tell us; without make our parent may be a short-lived thread."""
    if sys.platform == "linux" and "MAKELEVEL" in os.environ:
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def _stop(number: int, _frame: FrameType | None) -> None:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # one is enough: what follows is bounded
    raise SystemExit(0)


def _require_free(host: str, port: str) -> None:
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise CannotRun(f"PORT={port} is not a port number.")
    deadline = time.monotonic() + FREE_WITHIN_S
    while problem := _problem_with(host, int(port)):
        if time.monotonic() > deadline:
            raise CannotRun(
                f"Port {port} on {host} cannot be used: {problem}. Stop what uses it, or set PORT to another."
            )
        time.sleep(0.1)


def _problem_with(host: str, port: int) -> str:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _connections_needed() -> int:
    """Room for every worker's pool, listener and jobs in 80 % of what PostgreSQL allows, less its reserve."""
    workers, pool = int(os.environ.get("WORKERS") or 2), int(os.environ.get("DB_POOL_MAX") or 10)
    return max(100, math.ceil((workers * (pool + 5) + 3) / 0.8))


def _metrics_folder(folder: Path, port: str) -> str:
    """Where workers add their metrics up, empty: each would tell its own otherwise. Runs that share a folder do not."""
    metrics = folder / f"metrics-{port}"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(mode=0o700, parents=True)
    return str(metrics)


def _demo_port(folder: Path) -> int:
    """The port of the run before, so that the registered URL stays true, or a free one."""
    kept = folder / "demo_port"
    preferred = int(kept.read_text()) if kept.exists() else 0
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found = int(probe.getsockname()[1])
            break
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept.write_text(str(found))
    return found


def _on_this_machine(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- read, not bound


if __name__ == "__main__":
    raise SystemExit(main())
