"""The embedded PostgreSQL: what survives a kill, what is refused, what is left behind."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from gatewaysite.embedded import EmbeddedError, FolderInUse, leftovers, running_url, serve, serve_spare, server
from gatewaysite.embedded.account import Account, accounts

# Disposable unless told to keep: a folder made to outlive the machine waits for the disk, which is not the matter here.
OWNER = """
import sys
from pathlib import Path
from gatewaysite.embedded import serve
with serve(Path(sys.argv[1]), disposable="keep" not in sys.argv) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
type Owner = subprocess.Popen[str]


@pytest.fixture
def start_owner() -> Iterator[Callable[..., Owner]]:
    """Starts a process that serves from a folder until its stdin closes."""
    owners: list[Owner] = []

    def start(folder: Path, *how: str) -> Owner:
        command = [sys.executable, "-c", OWNER, str(folder), *how]
        owner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        owners.append(owner)
        assert owner.stdout is not None
        assert owner.stdout.readline().startswith("postgresql://")
        return owner

    yield start
    for owner in owners:
        owner.communicate("", timeout=30)


def processes_of(folder: Path) -> list[int]:
    return sorted(leftovers._processes_of(folder.resolve() / "postgres"))


def wait_until_none_of(folder: Path, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while processes_of(folder):
        assert time.monotonic() < deadline, f"still running: {processes_of(folder)}"
        time.sleep(0.05)


def write_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (at timestamptz DEFAULT now())")
        connection.execute("INSERT INTO kept DEFAULT VALUES")


def rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert row is not None
        return int(row[0])


def test_data_outlives_a_stop_and_nothing_keeps_running(tmp_path: Path) -> None:
    with serve(tmp_path, disposable=True) as url:
        write_a_row(url)
    assert processes_of(tmp_path) == []
    with serve(tmp_path, disposable=True) as url:
        assert rows(url) == 1


def test_the_server_stops_when_its_owner_is_killed(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    owner = start_owner(tmp_path)
    assert processes_of(tmp_path)
    owner.kill()
    wait_until_none_of(tmp_path)


def test_data_outlives_a_kill_of_the_server_and_of_its_owner(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    owner = start_owner(tmp_path, "keep")
    url = running_url(tmp_path)
    assert url is not None
    write_a_row(url)
    postmaster = leftovers.postmaster_pid(tmp_path.resolve() / "postgres")
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    owner.kill()
    owner.wait()
    assert (tmp_path / "postgres" / "postmaster.pid").exists()
    with serve(tmp_path) as url:
        assert rows(url) == 1


def test_a_server_that_did_not_notice_its_owner_die_is_stopped_before_another_starts(
    tmp_path: Path, start_owner: Callable[..., Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = start_owner(tmp_path)
    stopped = processes_of(tmp_path)
    for pid in stopped:
        with suppress(ProcessLookupError):  # one that was only there for the start
            os.kill(pid, signal.SIGSTOP)  # now it cannot act on any signal but SIGKILL
    owner.kill()
    owner.wait()
    monkeypatch.setattr(leftovers, "STEPS", tuple((number, 0.2) for number, _ in leftovers.STEPS))
    with serve(tmp_path, disposable=True) as url:
        write_a_row(url)
        assert not set(stopped) & set(processes_of(tmp_path))


def test_a_pid_file_that_names_a_living_stranger_is_no_reason_to_refuse(tmp_path: Path) -> None:
    with serve(tmp_path, disposable=True):
        lines = (tmp_path / "postgres" / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        lines[0] = str(stranger.pid)
        (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join(lines))
        with serve(tmp_path, disposable=True) as url:
            write_a_row(url)
        assert stranger.poll() is None
        stranger.kill()


def test_a_second_owner_of_a_folder_is_told_who_the_first_is(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    owner = start_owner(tmp_path)
    with pytest.raises(FolderInUse, match=rf"in use by process {owner.pid}\b"), serve(tmp_path, disposable=True):
        pass


def test_two_spare_servers_at_once_have_folders_of_their_own(tmp_path: Path) -> None:
    with serve_spare(tmp_path, "test-") as first, serve_spare(tmp_path, "test-") as second:
        assert first != second
    with serve_spare(tmp_path, "test-") as again:
        assert again == first


def test_a_broken_disposable_folder_is_made_anew(tmp_path: Path) -> None:
    with serve(tmp_path, disposable=True):
        pass
    (tmp_path / "postgres" / "global" / "pg_control").write_bytes(b"")
    with serve(tmp_path, disposable=True) as url:
        write_a_row(url)


def test_an_interrupted_first_start_leaves_nothing_that_the_next_trips_over(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    with serve(tmp_path, disposable=True) as url:
        write_a_row(url)


@pytest.mark.parametrize("name", ["plain", "with spaces, a comma", 'with "quotes" and 100 %', "/".join(["deep"] * 20)])
def test_only_we_can_reach_the_socket_whatever_the_path(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    with serve(folder, disposable=True) as url:
        write_a_row(url)
        socket_folder = Path(str(psycopg.conninfo.conninfo_to_dict(url)["host"]))
        assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
        assert (folder / "socket").resolve() == socket_folder
    assert not socket_folder.exists()
    assert not (folder / "socket").is_symlink()


def test_nothing_listens_on_tcp(tmp_path: Path) -> None:
    with serve(tmp_path, disposable=True) as url, psycopg.connect(url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has several ways to run PostgreSQL")
def test_root_may_change_the_way_it_runs_and_keeps_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worked = []
    for account in accounts():
        monkeypatch.setattr(server, "accounts", lambda account=account: [account])
        try:
            with serve(tmp_path) as url:
                write_a_row(url)
                worked.append(account.name)
                assert rows(url) == len(worked)
        except EmbeddedError as error:
            assert account.name in str(error)  # noqa: PT017 -- which ways work depends on the machine
    assert worked


def test_every_way_that_was_tried_is_named_when_none_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [Account(name=name, owner=os.geteuid(), prefix=("false",)) for name in ("one way", "another way")]
    monkeypatch.setattr(server, "accounts", lambda: ways)
    with pytest.raises(EmbeddedError, match=r"(?s)Tried:.*one way: .*another way: "), serve(tmp_path):
        pass
