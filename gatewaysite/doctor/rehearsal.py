"""`python -m gatewaysite.doctor.rehearsal [gunicorn's arguments]`: loads the gateway as a worker does, and tells what
exists then. All of it would exist before the fork if somebody set preload_app, and most of it breaks there.
"""

import asyncio
import gc
import json
import os
import resource
import stat
import threading
from contextlib import suppress
from typing import Any

from gunicorn.app.wsgiapp import WSGIApplication  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry, multiprocess, values


def main() -> None:
    gateway = WSGIApplication("%(prog)s", prog="gunicorn")
    facts = _settings(gateway.cfg) | {"metrics": _metrics()}
    values.ValueClass = values.MutexValue  # no files of this process among those of the workers
    sockets, threads = _sockets(), set(threading.enumerate())
    gateway.wsgi()
    facts |= {
        "threads": sorted(thread.name for thread in set(threading.enumerate()) - threads),
        "sockets": len(_sockets() - sockets),
        "loops": sorted(type(found).__qualname__ for found in gc.get_objects() if _is_loop(found)),
    }
    print(json.dumps(facts))


def _settings(configured: Any) -> dict[str, Any]:
    """What gunicorn.conf.py, GUNICORN_CMD_ARGS and the arguments come to. Reading the file has raised our limits."""
    return {
        "workers": configured.workers,
        "preload_app": configured.preload_app,
        "worker_class": configured.worker_class_str,
        "lifespan": configured.asgi_lifespan,
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


def _metrics() -> str:
    """Whether the workers' metrics add up in a folder: "on", "off", or "broken" when that is no folder."""
    if values.ValueClass is values.MutexValue:
        return "off"
    try:
        multiprocess.MultiProcessCollector(CollectorRegistry())  # type: ignore[no-untyped-call]
    except ValueError:
        return "broken"
    return "on"


def _sockets() -> set[str]:
    """Descriptors of sockets; connections to the database and wake-up pipes of event loops are among them."""
    found = set()
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # the one that listed the folder
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                found.add(name)
    return found


def _is_loop(found: object) -> bool:
    # By its type: isinstance would ask lazy objects for their class, and wake them up.
    return issubclass(type(found), asyncio.AbstractEventLoop)


if __name__ == "__main__":
    main()
