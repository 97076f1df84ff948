"""What a killed run left behind: servers that still use our data folder and a stale pid file."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gatewaysite.embedded.errors import EmbeddedError

PROC = Path("/proc")  # absent on macOS, where ps answers for the one pid we know

# The order PostgreSQL documents: fast, immediate, and then without asking. Seconds to wait after each.
STEPS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def clear(data: Path) -> None:
    """Stop every server process that still uses this data folder, and remove a pid file that would stop a new one.

    Only for the holder of the folder's lock: nobody else can then be starting a server here.
    """
    for number, wait_s in STEPS:
        living = set(_processes_of(data))
        for pid in living:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if _all_gone(data, wait_s if living else 0.0):
            break
    else:
        raise EmbeddedError(f"Processes {sorted(_processes_of(data))} use {data} and cannot be stopped.")
    # Its number may be somebody else's by now, and PostgreSQL would then believe that a server is running.
    (data / "postmaster.pid").unlink(missing_ok=True)


def postmaster_pid(data: Path) -> int | None:
    """The server PostgreSQL's own pid file names, if that process is a server of this folder."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if _serves(pid, data) else None


def _all_gone(data: Path, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while any(True for _ in _processes_of(data)):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _processes_of(data: Path) -> Iterator[int]:
    """The postmaster and orphans of a killed one alike: every process of PostgreSQL works in its data folder."""
    if not PROC.exists():
        pid = postmaster_pid(data)
        yield from (pid,) if pid else ()
        return
    for name in os.listdir(PROC):
        if name.isdigit() and _serves(int(name), data):
            yield int(name)


def _serves(pid: int, data: Path) -> bool:
    if not PROC.exists():
        answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return f"-D {data}" in answer.stdout
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes()
        if b"postgres" not in command.split(b"\0", 1)[0]:
            return False
        return Path(os.readlink(PROC / str(pid) / "cwd")) == data
    except PermissionError:
        # Root without CAP_SYS_PTRACE may not see where another user's process works; the postmaster is told -D.
        return str(data).encode() in command.split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
