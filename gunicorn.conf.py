"""How the gateway is served, by `make run`, by the image and by a unit file of your own."""

import functools
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from gunicorn import glogging
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gasgi import ASGIWorker

chdir = str(Path(__file__).resolve().parent)
sys.path.insert(0, chdir)

# The project is not installed, its folder comes first.
from gatewaysite.connections import Connection  # noqa: E402
from gatewaysite.logging import configure  # noqa: E402

wsgi_app = "gatewaysite.asgi:application"
proc_name = "poolgate"

# --- Where, and how many ---

_host, _port = (os.environ.get("HOST") or "127.0.0.1").strip("[]"), os.environ.get("PORT") or "8000"
bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"
workers = int(os.environ.get("WORKERS") or 2)
# Several thousand clients may connect in the same instant; the kernel caps this at net.core.somaxconn.
backlog = 4096
# Every client and every call to an upstream is a descriptor, and shells still start with a soft limit of 1,024.
# (worker_connections would be the place for a ceiling, but the asgi worker does not look at it.)
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))

# --- The worker ---

worker_class = "asgi"
asgi_loop = "uvloop"
# Pools, snapshot and listener open and close with the lifespan: a gateway without it must not start.
asgi_lifespan = "on"
# Named, so that nothing changes when somebody installs the C parser that "auto" would prefer.
http_parser = "python"
# A client that leaves is noticed at once: the default of 3 s would keep its upstream call alive for nobody.
asgi_disconnect_grace_period = 0
keepalive = 5
# Long cursors and filters travel in the request line. The other limits of gunicorn stay as they are.
limit_request_line = 8190

# --- Starting and stopping ---

# The application builds its pools in each worker; nothing of it may exist before the fork.
preload_app = False
# Seconds that open streams get to end; what is still there then is closed. A worker waits for them so long, and then
# ends the calls, writes what is queued and closes its sessions: killed at the same second, it would do none of it.
_streams_s, _closing_s = int(os.environ.get("GRACEFUL_TIMEOUT") or 30), 8
graceful_timeout = _streams_s + _closing_s
# Heartbeats are touches of a file: not on a disk, and possible where the root file system is read-only.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 -- gunicorn makes it private
# One fixed path in the home folder would be shared by every gateway of this user.
control_socket_disable = True

# --- Logs ---


class Logger(glogging.Logger):
    """Gunicorn's own lines through our formatter; no access lines, which would cost more than a cached answer."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        configure({"level": os.environ.get("LOG_LEVEL") or "INFO", "format": os.environ.get("LOG_FORMAT") or "json"})
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = Logger

# --- Hooks ---

_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


def post_fork(server: Arbiter, worker: ASGIWorker) -> None:
    """Hold back a stop until the loop runs: uvloop forgets one that comes earlier, and the worker would serve on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)


def post_worker_init(worker: ASGIWorker) -> None:
    """Let a stop through as the first thing the loop does, and stop and listen in our way."""
    worker.cfg.set("graceful_timeout", _streams_s)  # this process's copy; the master keeps its own
    worker.loop.call_soon(signal.pthread_sigmask, signal.SIG_UNBLOCK, _STOPS)
    worker.loop.create_server = functools.partial(_listen, worker, worker.loop.create_server)


async def _listen(worker: ASGIWorker, create_server: Any, _protocol: Any, **options: Any) -> Any:
    """With connections that do not wait for ever; and the worker lets asyncio listen once more, with its own 100."""
    return await create_server(lambda: Connection(worker), **options, backlog=backlog)


def child_exit(server: Arbiter, worker: ASGIWorker) -> None:
    """Forget the gauges of a worker that is gone."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)
