"""The real gateway for end-to-end tests: gunicorn with two workers, on a free port, beside the tests."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from gatewaysite.embedded.account import dying_with_us

ROOT = Path(__file__).resolve().parent.parent
START_WITHIN_S = 90.0
STOP_WITHIN_S = 15.0


@dataclass
class GatewayProcess:
    """Where it listens and what it wrote; `worker` gives a client that speaks with one worker only."""

    url: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]
    _clients: ExitStack = field(default_factory=ExitStack)
    _pinned: dict[int, httpx.Client] = field(default_factory=dict)

    def get(self, path: str, token: str | None = None, **options: Any) -> httpx.Response:
        """One request on a connection of its own, so any worker may answer."""
        headers = ({"authorization": f"Bearer {token}"} if token else {}) | options.pop("headers", {})
        return httpx.get(self.url + path, headers=headers, timeout=20, **options)

    def workers(self, count: int = 2) -> dict[int, httpx.Client]:
        """A kept connection to each worker, by process id."""
        for pid, client in list(self._pinned.items()):
            if _pid_of(client) != pid:  # the connection was closed meanwhile, and reopened to whichever worker
                del self._pinned[pid]
        give_up_at = time.monotonic() + 20
        while len(self._pinned) < count:
            assert time.monotonic() < give_up_at, f"found only the workers {sorted(self._pinned)}"
            client = self._clients.enter_context(httpx.Client(base_url=self.url, timeout=20))
            if pid := _pid_of(client):
                self._pinned.setdefault(pid, client)
        return dict(self._pinned)

    def until(
        self, path: str, wanted: Callable[[httpx.Response], bool], within_s: float = 10, **how: Any
    ) -> httpx.Response:
        """Ask again and again until the answer is the wanted one. Workers may be killed meanwhile."""
        give_up_at, last = time.monotonic() + within_s, "nothing"
        while time.monotonic() < give_up_at:
            try:
                answer = self.get(path, **how)
            except httpx.TransportError as error:
                last = repr(error)
            else:
                if wanted(answer):
                    return answer
                last = f"{answer.status_code} {answer.text[:500]}"
            time.sleep(0.03)
        raise AssertionError(f"{path} still answers {last}")

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def close_clients(self) -> None:
        self._pinned.clear()
        self._clients.close()


@contextmanager
def serving(
    database_url: str, folder: Path, *, until_ready: bool = True, **environment: str
) -> Iterator[GatewayProcess]:
    """Run it until the block ends. `environment` adds to what every such gateway is told."""
    port = free_port()
    log = folder / f"gateway-{port}.log"
    url = f"http://127.0.0.1:{port}"
    told = {
        "DATABASE_URL": database_url,
        "SECRET_KEY": "only-for-tests",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WORKERS": "2",
        "PUBLIC_URL": url,
        "UPSTREAM_ALLOWED_NETWORKS": "127.0.0.0/8",
        "DJANGO_SETTINGS_MODULE": "gatewaysite.settings",
        "GRACEFUL_TIMEOUT": "5",
        # Of its own: gateways that share one see each other's workers.
        "RUN_DIR": str(folder / f"run-{port}"),
    }
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
    with program(command, log, told | environment) as process:
        gateway = GatewayProcess(url, port, log, process)
        try:
            wait_for(lambda: _ready(url) if until_ready else _accepts(port), process, log)
            yield gateway
        finally:
            gateway.close_clients()


@contextmanager
def demo_upstream(folder: Path) -> Iterator[str]:
    """The demo upstream that ships with the gateway: a real MCP server on the SDK, of both eras. Its URL."""
    port = free_port()
    command = [sys.executable, str(ROOT / "manage.py"), "gateway", "demo-upstream", "--port", str(port)]
    told = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "SECRET_KEY": "only-for-tests"}
    log = folder / "demo-upstream.log"
    with program(command, log, told) as process:
        wait_for(lambda: _accepts(port), process, log)
        yield f"http://127.0.0.1:{port}/mcp"


@contextmanager
def sdk_agent(folder: Path) -> Iterator[str]:
    """An agent on the official A2A SDK. The host its card is at; messages it takes below, at /rpc."""
    port, log = free_port(), folder / "sdk-agent.log"
    with program([sys.executable, "-m", "tests.end_to_end.sdk_agent", str(port)], log, {}) as process:
        wait_for(lambda: _accepts(port), process, log)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def program(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that ends with the block, and with the tests should they be killed."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            dying_with_us(command, "TERM"), cwd=ROOT, env=os.environ | environment, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + START_WITHIN_S
    while not happened():
        said = log.read_text(errors="replace")[-3000:]
        assert process.poll() is None, f"it ended: {said}"
        assert time.monotonic() < give_up_at, f"it does not start: {said}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _ready(url: str) -> bool:
    try:
        return httpx.get(url + "/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _pid_of(client: httpx.Client) -> int:
    """The worker at the other end; 0 when it was killed a moment ago."""
    try:
        return int(client.get("/health").json()["process"])
    except httpx.TransportError:
        return 0
