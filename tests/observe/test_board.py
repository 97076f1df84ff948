"""The board: what processes tell each other, through files on one machine and through notifications elsewhere."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from pytest_django import Settings

from proxy_app.observe import board as module
from proxy_app.observe.board import CHANNEL, EDITION, GONE_AFTER_S, PAYLOAD_BYTES, Board, packed, unpacked
from proxy_app.observe.shapes import HeardPart
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


def names(parts: list[HeardPart]) -> list[str]:
    return [part["process"]["id"] for part in parts]


# --- Files -----------------------------------------------------------------------------------------------------------


def test_neighbours_see_each_other_and_themselves_first(db: None) -> None:
    one, other = a_board("here:1"), a_board("here:2")
    one._write()
    other._write()
    assert names(one.parts()) == ["here:1", "here:2"]
    assert names(other.parts()) == ["here:2", "here:1"]
    assert [part["age_s"] < 5 for part in other.parts()] == [True, True]


def test_who_tells_nothing_any_more_is_shown_with_its_age_and_then_forgotten(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = a_board("here:1"), a_board("here:2")
    other._write()
    now = time.time()
    for later, ages in ((4, [0.0, 4.0]), (GONE_AFTER_S + 1, [0.0])):
        monkeypatch.setattr("proxy_app.observe.board.time.time", lambda later=later: now + later)
        assert [part["age_s"] for part in one.parts()] == pytest.approx(ages, abs=1)


def test_a_process_of_this_machine_that_was_killed_is_forgotten_at_once(db: None, settings: Settings) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = module._name().partition(":")[0]
    for pid in (dead.pid, os.getppid()):
        a_board(f"{host}:{pid}")._write()
    assert names(a_board("here:1").parts()) == ["here:1", f"{host}:{os.getppid()}"]
    assert not list(settings.RUN_DIR.glob(f"*{dead.pid}*"))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", orjson.dumps(a_part("here:2", edition=EDITION + 1))])
def test_a_file_that_cannot_be_read_is_passed_over(db: None, settings: Settings, content: bytes) -> None:
    settings.RUN_DIR.mkdir()
    (settings.RUN_DIR / "here-2.json").write_bytes(content)
    assert names(a_board("here:1").parts()) == ["here:1"]


async def test_a_process_tells_twice_a_second_and_takes_its_word_back_at_the_end(db: None, settings: Settings) -> None:
    board = Board()
    board.start()
    file = module._file(board.process)
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


@pytest.mark.parametrize("payload", ["", "tell", "tell x", "tell ~~", f"tell {packed(a_part(edition=99))}", "sing la"])
def test_what_cannot_be_understood_is_passed_over(db: None, payload: str) -> None:
    board = a_board("one:1")
    board.parts()
    board.hear(payload)
    assert names(board.parts()) == ["one:1"]


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
    assert unpacked(packed(part)) == part


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
