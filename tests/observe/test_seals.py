"""Anybody in the database may send to the board's channel; only what one of ours has just said counts."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from proxy_app.observe.board import Board
from proxy_app.observe.parts import PAYLOAD_BYTES, packed
from proxy_app.observe.seals import COUNTS_FOR_S, sealed, unsealed
from tests.observe.xrays import a_part

NOBODYS = "0" * 32


@pytest.fixture
def board(db: None, tmp_path: Path, settings: Settings) -> Board:
    """One whom the others' words interest."""
    settings.RUN_DIR = tmp_path / "run"
    board = Board()
    board.process = "one:1"
    board.parts()
    return board


def tell(**values: Any) -> str:
    return f"tell two:2 {packed(a_part('two:2', **values))}"


def waiting(board: Board) -> dict[str, int]:
    """Whom the board shows, with how many wait there."""
    return {part["process"]["id"]: part["waiting"] for part in board.parts()}


def without_seal(payload: str) -> str:
    return payload.rpartition(" ")[0]


def earlier(payload: str) -> str:
    words, at_ns, mac = payload.rsplit(" ", 2)
    return f"{words} {int(at_ns) - 1} {mac}"


@pytest.mark.parametrize("words", ["ask two:2", tell()], ids=["ask", "tell"])
@pytest.mark.parametrize(
    "change",
    [
        lambda payload: without_seal(without_seal(payload)),
        without_seal,
        lambda payload: f"{without_seal(payload)} {NOBODYS}",
        lambda payload: f"{without_seal(payload)} é",
        lambda payload: f"{without_seal(payload)} ",
        lambda payload: payload[:-1],
        lambda payload: f"{payload}0",
        lambda payload: payload.replace("two:2", "two:3", 1),
        lambda payload: f"tell{payload[3:]}" if payload.startswith("ask") else f"ask{payload[4:]}",
        lambda payload: payload.replace(" ", "  ", 1),
        earlier,
    ],
    ids=[
        "old release", "no seal", "made up", "strange", "empty", "cut", "longer", "name", "verb", "space", "time",
    ],
)  # fmt: skip
def test_what_is_forged_or_altered_is_passed_over(board: Board, words: str, change: Callable[[str], str]) -> None:
    def taken() -> bool:
        return board._wanted or "two:2" in waiting(board)

    board.hear(change(sealed(words)))
    assert (taken(), list(waiting(board))) == (False, ["one:1"])
    board.hear(sealed(words))
    assert taken()


def test_who_has_another_secret_key_is_none_of_ours(board: Board, settings: Settings) -> None:
    ours, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    foreign = sealed(tell())
    settings.SECRET_KEY = ours
    board.hear(foreign)
    assert waiting(board) == {"one:1": 0}


@pytest.mark.parametrize(("late_s", "taken"), [(-31, False), (-29, True), (29, True), (31, False)])
def test_what_was_said_long_ago_is_passed_over_and_so_is_what_comes_from_the_future(
    board: Board, monkeypatch: pytest.MonkeyPatch, late_s: float, taken: bool
) -> None:
    payload, now = sealed("ask two:2"), time.time() + late_s
    monkeypatch.setattr("proxy_app.observe.seals.time.time", lambda: now)
    board.hear(payload)
    assert (board._wanted, COUNTS_FOR_S) == (taken, 30)


def test_a_word_that_is_said_again_is_no_younger_for_it(board: Board) -> None:
    older, newer = sealed(tell(waiting=7)), sealed(tell(waiting=8))
    board.hear(newer)
    heard = board._heard.copy()
    for again in (older, newer):
        board.hear(again)
    assert board._heard == heard
    assert waiting(board) == {"one:1": 0, "two:2": 8}


def test_the_longest_part_fits_into_a_notification_with_its_name_and_seal() -> None:
    payload = sealed(f"tell {'x' * 100}:{'9' * 9} {'~' * PAYLOAD_BYTES}")
    assert len(payload) <= 7_999
    assert unsealed(payload)[0].endswith("~")
