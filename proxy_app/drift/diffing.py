"""Two texts compared for a person: word by word, or line by line. Texts are an upstream's, so effort is bounded."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

type Op = Literal["same", "del", "ins"]

WORDS = re.compile(r"\s+|\w+|[^\w\s]")
# So many differences are looked for; what differs more is shown as one text in place of another.
MOST_EDITS = 400
MOST_TOKENS = 20_000
# Of lines that are the same so many are shown around those that are not.
CONTEXT = 3
MOST_PARTS = 600
PART_LIMIT = 4_000


class Part(NamedTuple):
    """A run of text. `gap`: that many lines are left out here."""

    op: Op
    text: str
    gap: int = 0


def words(before: str, after: str) -> list[Part]:
    """Runs of words that stay, go and come, in reading order."""
    edits = _edits(WORDS.findall(before), WORDS.findall(after))
    return _bounded(Part(op, "".join(token for _op, token in run)) for op, run in groupby(edits, lambda edit: edit[0]))


def lines(before: str, after: str) -> list[Part]:
    """One line each, those that are the same left out but for a few."""
    found = [Part(op, line) for op, line in _edits(before.splitlines(), after.splitlines())]
    near = {
        index + offset
        for index, part in enumerate(found)
        if part.op != "same"
        for offset in range(-CONTEXT, CONTEXT + 1)
    }
    return _bounded(_with_gaps(found, near))


def _with_gaps(found: Sequence[Part], near: set[int]) -> Iterator[Part]:
    for shown, run in groupby(range(len(found)), near.__contains__):
        indexes = list(run)
        if shown:
            yield from (found[index] for index in indexes)
        else:
            yield Part("same", "", len(indexes))


def _bounded(parts: Iterator[Part]) -> list[Part]:
    """So many runs of so many characters; the last says how many are missing."""
    found = [
        part if len(part.text) <= PART_LIMIT else part._replace(text=f"{part.text[:PART_LIMIT]}…") for part in parts
    ]
    more = len(found) - MOST_PARTS
    return found if more <= 0 else [*found[:MOST_PARTS], Part("same", "", more)]


def _edits(before: Sequence[str], after: Sequence[str]) -> list[tuple[Op, str]]:
    """The shortest way from one to the other, after what both begin and end with."""
    before, after = before[:MOST_TOKENS], after[:MOST_TOKENS]
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    middle = _myers(before[start : len(before) - end], after[start : len(after) - end])
    return [
        *(("same", token) for token in before[:start]),
        *middle,
        *(("same", token) for token in before[len(before) - end :]),
    ]


def _myers(before: Sequence[str], after: Sequence[str]) -> list[tuple[Op, str]]:
    """Myers, "An O(ND) difference algorithm" (1986), given up after MOST_EDITS."""
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    for edits in range(min(len(before) + len(after), MOST_EDITS) + 1):
        trace.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            while x < len(before) and x - diagonal < len(after) and before[x] == after[x - diagonal]:
                x += 1
            furthest[diagonal] = x
            if x >= len(before) and x - diagonal >= len(after):
                return _walk_back(before, after, trace)
    return [*(("del", token) for token in before), *(("ins", token) for token in after)]


def _walk_back(before: Sequence[str], after: Sequence[str], trace: Sequence[dict[int, int]]) -> list[tuple[Op, str]]:
    path: list[tuple[Op, str]] = []
    x, y = len(before), len(after)
    for edits in range(len(trace) - 1, -1, -1):
        furthest, diagonal = trace[edits], x - y
        down = diagonal == -edits or (
            diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
        )
        came_from = diagonal + 1 if down else diagonal - 1
        x_before = furthest[came_from] if edits else 0
        y_before = x_before - came_from if edits else 0
        while x > x_before and y > y_before:
            x, y = x - 1, y - 1
            path.append(("same", before[x]))
        if edits:
            path.append(("ins", after[y - 1]) if down else ("del", before[x - 1]))
            x, y = x_before, y_before
    return path[::-1]
