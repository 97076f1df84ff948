"""The board: what processes tell each other, through files on one machine and through notifications elsewhere."""

import asyncio
import base64
import os
import stat
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from pytest_django import Settings

from proxy_app.observe import board as module
from proxy_app.observe.board import (
    CHANNEL,
    GONE_AFTER_S,
    HEARD_AT_MOST,
    HOLDS_TOLD,
    Board,
)
from proxy_app.observe.neighbours import ABANDONED_AFTER_S, FILE_BYTES, Teller, process_name
from proxy_app.observe.parts import EDGES, EDITION, PAYLOAD_BYTES, packed, understood, unpacked
from proxy_app.observe.seals import sealed
from proxy_app.observe.shapes import HeardPart
from proxy_app.observe.showing import connections_context
from proxy_app.observe.xray import merged
from tests.committed import database_url
from tests.observe.xrays import a_part, a_wait, held_long, held_now, some_holds

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings: Settings) -> None:
    settings.RUN_DIR = tmp_path / "run"


def a_board(name: str) -> Board:
    board = Board()
    board.process = name
    return board


def file_of(board: Board) -> Path:
    return board._teller.neighbours.file(board.process)


def tell_neighbours(board: Board) -> None:
    """As it does itself twice a second, in the name it was given."""
    board._teller.neighbours.tell(board.process, orjson.dumps(board._here()))


def hear(board: Board, words: str) -> None:
    """As one of ours says it."""
    board.hear(sealed(words))


def names(parts: list[HeardPart]) -> list[str]:
    return [part["process"]["id"] for part in parts]


# --- Files -----------------------------------------------------------------------------------------------------------


def test_neighbours_see_each_other_and_themselves_first(db: None) -> None:
    one, other = a_board("here:1"), a_board("here:2")
    tell_neighbours(one)
    tell_neighbours(other)
    assert names(one.parts()) == ["here:1", "here:2"]
    assert names(other.parts()) == ["here:2", "here:1"]
    assert [part["age_s"] < 5 for part in other.parts()] == [True, True]


def test_who_tells_nothing_any_more_is_shown_with_its_age_and_then_forgotten(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = a_board("here:1"), a_board("here:2")
    tell_neighbours(other)
    now = time.time()
    for later, ages in ((4, [0.0, 4.0]), (GONE_AFTER_S + 1, [0.0])):
        monkeypatch.setattr("proxy_app.observe.board.time.time", lambda later=later: now + later)
        assert [part["age_s"] for part in one.parts()] == pytest.approx(ages, abs=1)


def test_a_process_of_this_machine_that_was_killed_is_forgotten_at_once(db: None, settings: Settings) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = process_name().partition(":")[0]
    for pid in (dead.pid, os.getppid()):
        tell_neighbours(a_board(f"{host}:{pid}"))
    assert names(a_board("here:1").parts()) == ["here:1", f"{host}:{os.getppid()}"]
    assert not list(settings.RUN_DIR.glob(f"*{dead.pid}*"))


def as_file(settings: Settings, content: bytes, name: str = "here-2.board.json") -> Path:
    settings.RUN_DIR.mkdir(exist_ok=True)
    file = Path(settings.RUN_DIR) / name
    file.write_bytes(content)
    return file


def test_a_file_is_read_by_its_name(db: None, settings: Settings) -> None:
    file = as_file(settings, orjson.dumps(a_part("here:2", told_at=time.time())))
    assert names(a_board("here:1").parts()) == ["here:1", "here:2"]
    file.rename(file.with_name("here-3.board.json"))
    assert names(a_board("here:1").parts()) == ["here:1"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"edition":4}', b"[" * 100_000, b'{"x":' * 100_000, b" " * (FILE_BYTES + 1)],
    ids=lambda content: repr(content[:13]),
)
def test_a_file_that_cannot_be_read_is_passed_over(db: None, settings: Settings, content: bytes) -> None:
    as_file(settings, content)
    assert names(a_board("here:1").parts()) == ["here:1"]


def test_what_is_no_file_is_passed_over(db: None, settings: Settings, tmp_path: Path) -> None:
    real = as_file(settings, orjson.dumps(a_part("here:2", told_at=time.time())))
    real.rename(tmp_path / "elsewhere")
    real.symlink_to(tmp_path / "elsewhere")
    os.mkfifo(settings.RUN_DIR / "here-3.board.json")
    (settings.RUN_DIR / "here-4.board.json").mkdir()
    assert names(a_board("here:1").parts()) == ["here:1"]


def test_what_was_left_behind_on_another_machine_is_removed_in_the_end(db: None, settings: Settings) -> None:
    files = [as_file(settings, b"of an older release", name) for name in ("x-1.board.json", "x-1.board.new", "other")]
    for age_s, left in ((ABANDONED_AFTER_S - 60, 3), (ABANDONED_AFTER_S + 60, 1)):
        for file in files:
            os.utime(file, (time.time() - age_s,) * 2)
        a_board("here:1").parts()
        assert len(list(settings.RUN_DIR.iterdir())) == left
    assert files[2].exists()


def test_nobody_else_reads_what_is_told(db: None, settings: Settings) -> None:
    tell_neighbours(a_board("here:1"))
    (file,) = settings.RUN_DIR.iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (settings.RUN_DIR, file)] == [0o700, 0o600]


async def test_a_process_tells_twice_a_second_and_takes_its_word_back_at_the_end(db: None, settings: Settings) -> None:
    board = Board()
    board.start()
    file = file_of(board)
    async with asyncio.timeout(5):
        while not file.exists():
            await asyncio.sleep(0.01)
        first = file.stat().st_mtime_ns
        while file.stat().st_mtime_ns == first:
            await asyncio.sleep(0.01)
    await board.stop()
    assert list(settings.RUN_DIR.iterdir()) == []


async def test_a_folder_that_cannot_be_written_costs_only_the_neighbours(db: None, settings: Settings) -> None:
    settings.RUN_DIR.touch()
    board = Board()
    board.start()
    await asyncio.sleep(0.01)
    assert names(board.parts()) == [board.process]
    await board.stop()


async def test_a_bug_costs_a_word_and_not_the_board(
    db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "TELL_EVERY_S", 0.01)
    board = Board()
    with monkeypatch.context() as patch:
        patch.setattr(module, "xray_here", lambda _process: 1 / 0)
        board.start()
        await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        while not file_of(board).exists():
            await asyncio.sleep(0.01)
    await board.stop()
    (told,) = [record for record in caplog.records if record.name == Teller.__module__]
    assert told.exc_info


# --- Notifications ---------------------------------------------------------------------------------------------------


class Elsewhere:
    """A process on another machine: it sees no files, only what goes over its connection."""

    def __init__(self, board: Board, connection: "psycopg.AsyncConnection[Any]") -> None:
        self.board, self.connection = board, connection
        self.heard = 0

    async def listen(self, seconds: float) -> None:
        """What the snapshot's keeper does all day: hear one, then speak."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            async for notification in self.connection.notifies(timeout=min(left_s, 0.1), stop_after=1):
                self.heard += 1
                self.board.hear(notification.payload)
            if self.board.busy:
                await self.board.exchange(self.connection)


@pytest.fixture
async def machines(db: None) -> AsyncIterator[list[Elsewhere]]:
    url, found = database_url(), []
    for name in ("one:1", "two:2", "three:3"):
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        await connection.execute(f"LISTEN {CHANNEL}")
        found.append(Elsewhere(a_board(name), connection))
    yield found
    for machine in found:
        await machine.connection.close()


async def listen(machines: list[Elsewhere], seconds: float) -> None:
    await asyncio.gather(*(machine.listen(seconds) for machine in machines))


async def test_processes_elsewhere_answer_who_looks_and_nobody_else(machines: list[Elsewhere]) -> None:
    looks, other, _ = machines
    assert names(looks.board.parts()) == ["one:1"]
    await listen(machines, 0.8)
    assert names(looks.board.parts()) == ["one:1", "three:3", "two:2"]
    assert names(other.board.parts()) == ["two:2"]


async def test_nothing_is_sent_while_nobody_looks(machines: list[Elsewhere]) -> None:
    await listen(machines, 0.3)
    assert [machine.heard for machine in machines] == [0, 0, 0]


async def test_those_who_talk_do_not_call_each_other_up_without_end(machines: list[Elsewhere]) -> None:
    for machine in machines:
        machine.board.parts()
    await listen(machines, 1.2)
    # Each asks and answers, and everybody hears everybody: 3 x 2 every half second.
    assert all(machine.heard <= 30 for machine in machines), [machine.heard for machine in machines]


async def test_what_was_heard_before_nobody_looked_says_nothing_about_now(
    machines: list[Elsewhere], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = machines[0].board
    looks.parts()
    await listen(machines, 0.8)
    assert len(looks.parts()) == 3
    monkeypatch.setattr(looks, "_looked_at", time.monotonic() - 10)
    assert names(looks.parts()) == ["one:1"]


async def test_where_no_file_can_be_written_the_processes_of_one_machine_see_each_other_all_the_same(
    machines: list[Elsewhere], settings: Settings
) -> None:
    for machine in machines:
        tell_neighbours(machine.board)
        machine.board._teller.heard = True
    looks, other, third = machines
    other.board._teller.heard = False  # its disk is full: the file that is there is old
    looks.board.parts()
    await listen([other, third, looks], 0.6)
    looks.board.parts()
    assert list(looks.board._heard) == ["two:2"]
    settings.RUN_DIR = settings.RUN_DIR / "one-1.board.json"  # a folder that is none
    assert names(looks.board.parts()) == ["one:1", "two:2"]


def test_the_younger_word_counts_when_a_file_is_old(db: None) -> None:
    board, other = a_board("one:1"), a_board("two:2")
    board.parts()
    tell_neighbours(other)
    hear(board, f"tell two:2 {packed(a_part('two:2', waiting=7))}")
    assert [part["waiting"] for part in board.parts()] == [0, 0]
    os.utime(file_of(other))
    stale = a_part("two:2", told_at=time.time() - 10, waiting=3)
    file_of(other).write_bytes(orjson.dumps(stale))
    assert [part["waiting"] for part in board.parts()] == [0, 7]


@pytest.mark.parametrize(
    "payload",
    [
        "", "ask", "ask ", "ask x", "ask one:1", "ask x:y", "ask two:2:2", "ask two:99999999999", "ask ../../etc:1",
        f"ask {'x' * 300}:1", f"ask {'x' * 7000}", "ask two:2\n", "sing la:1", "asks two:2",
    ],
)  # fmt: skip
def test_who_asks_has_a_name_that_can_be_one(db: None, payload: str) -> None:
    board = a_board("one:1")
    hear(board, payload)
    assert not board.busy
    hear(board, "ask two:2")
    assert board.busy


def tell(text: str) -> str:
    return f"tell two:2 {text}"


def raw(content: bytes) -> str:
    return tell(base64.b85encode(zlib.compress(content)).decode())


def a_bomb() -> bytes:
    """A part in all but its size: 6 kB that become 5 MB."""
    return orjson.dumps(a_part("two:2") | {"padding": "x" * 5_000_000})


@pytest.mark.parametrize(
    "payload",
    [
        "tell", "tell two:2", tell("x"), tell("~~"), tell("é"), f"tell {packed(a_part('two:2'))}",
        f"tell three:3 {packed(a_part('two:2'))}", raw(b"{}"), raw(b'{"edition":4}'), raw(b"[" * 90_000),
        raw(b'{"edition":4,"process":{"id":"two:2"},"told_at":0}'), raw(a_bomb()),
        raw(orjson.dumps(a_part("two:2")))[:-20], raw(b"\xff"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_passed_over(db: None, payload: str) -> None:
    board = a_board("one:1")
    board.parts()
    hear(board, payload)
    assert names(board.parts()) == ["one:1"]
    hear(board, tell(packed(a_part("two:2"))))
    assert names(board.parts()) == ["one:1", "two:2"]


@pytest.mark.parametrize(
    "values",
    [
        {"edition": EDITION + 1},
        {"edges": EDGES[1:]},
        {"process": {"id": "two:2"}},
        {"process": {"id": "evil", "started_at": 0}},
        {"process": {"id": "two:2", "started_at": 1e300}},
        {"holds": [{}]},
        {"holds": [held_now() | {"held_ms": "long"}]},
        {"holds": [held_now() | {"broken": "nothing"}]},
        {"longest": [held_long(ended_at=-1e300)]},
        {"waits": [{"waiting_ms": 1}]},
        {"waiting": 2**63},
        {"pool": {"pool_max": "10"}},
        {"units": {}},
        {"violations": [{"route": "x"}]},
        {"routes": [some_holds("x") | {"buckets": []}]},
        {"routes": [some_holds("x") | {"buckets": [1e308] * (len(EDGES) + 1)}]},
        {"routes": None},
    ],
)
def test_a_part_of_another_shape_is_none(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        understood(orjson.dumps(a_part("two:2") | values))


def test_the_strangest_part_that_is_one_can_be_shown() -> None:
    """Whatever is let in must not break the page for everybody."""
    most = dict.fromkeys(("held_ms", "statements_ms", "idle_ms", "resting_ms"), 1e15)
    least = dict.fromkeys(most, -1e12)
    routes = [
        some_holds("x") | {"buckets": [sign * 1e12 for sign in signs], "held_s": 1e-300, "idle_s": 1e15}
        for signs in ([1, -1] * 7 + [1], [0] * 14 + [-1], [-1] * 15)
    ]
    part = a_part(
        holds=[held_now(**times, line=10**15) for times in (most, least, most | {"held_ms": 1e-300})],
        longest=[held_long(**most, ended_at=at) for at in (0, 32e9)],
        waits=[a_wait(waiting_ms=1e15)],
        routes=routes,
        pool={"pool_max": 0, "pool_size": 10**15},
    )
    told = [{**understood(orjson.dumps(part | {"process": {"id": f"x:{n}", "started_at": 32e9}})), "age_s": 4.0}
            for n in range(3)]  # fmt: skip
    xray = merged(told)  # type: ignore[arg-type]
    assert len(connections_context(xray)["holds"]) == 9
    assert orjson.dumps(xray)


def test_there_is_an_end_to_whom_one_listens(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    board, text = a_board("one:1"), packed(a_part("two:2"))
    board.parts()
    for number in range(HEARD_AT_MOST * 3):
        hear(board, f"tell evil:{number} {text}")
    assert len(board._heard) == HEARD_AT_MOST
    assert names(board.parts()) == ["one:1"]
    now = time.monotonic() + GONE_AFTER_S + 1
    monkeypatch.setattr("proxy_app.observe.board.time.monotonic", lambda: now)
    board._looked_at = now
    hear(board, tell(text))
    assert names(board.parts()) == ["one:1", "two:2"]


def test_of_hundreds_of_holds_the_longest_are_told_and_all_are_counted(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds = [held_now(held_ms=1000 - number) for number in range(HOLDS_TOLD * 4)]
    monkeypatch.setattr(module, "xray_here", lambda process: a_part(process, holds=holds))
    (part,) = a_board("one:1").parts()
    assert (part["holds"], part["held"]) == (holds[:HOLDS_TOLD], HOLDS_TOLD * 4)


# --- What fits -------------------------------------------------------------------------------------------------------


def busy(holds: int, waits: int = 0, routes: int = 0) -> HeardPart:
    """A part as hard to pack as they come: everything in it is different."""

    def noise(number: int) -> dict[str, Any]:
        digits = os.urandom(16).hex()
        return {"request_id": digits, "statement": f"SELECT {digits}", "fingerprint": digits[:8], "line": number}

    return a_part(
        holds=[held_now(**noise(number), held_ms=holds - number) for number in range(holds)],
        waits=[a_wait(request_id=os.urandom(16).hex()) for _ in range(waits)],
        longest=[held_long(**noise(number)) for number in range(20)],
        routes=[some_holds(f"route-{number}", up_to_5_ms=number) for number in range(routes)],
    )


def test_a_part_survives_the_way(db: None) -> None:
    part = busy(holds=3, waits=2, routes=5)
    assert {**unpacked(packed(part)), "age_s": 0.0} == part


def test_what_does_not_fit_is_left_out_the_least_urgent_first() -> None:
    left_out = set()
    for holds in range(20, 200, 20):
        part = busy(holds, waits=5, routes=40)
        told = unpacked(packed(part))
        cut = [told[name] != part[name] for name in ("holds", "waits", "routes", "longest")]
        assert cut == sorted(cut), "something was left out before something that is less urgent"
        left_out.add(sum(cut))
    assert len(left_out) > 2


def test_with_hundreds_of_holds_the_longest_are_told_and_all_are_counted() -> None:
    part = busy(holds=400, waits=50)
    text = packed(part)
    told = unpacked(text)
    assert len(text) <= PAYLOAD_BYTES
    assert 20 < len(told["holds"]) < 400
    assert told["holds"] == part["holds"][: len(told["holds"])]
    assert (told["held"], told["waiting"]) == (400, 50)
