"""The list of findings a person has answered for: each with a reason, an owner and an end. It may only get shorter.

`{"ratchet": 1, "entries": [{"rule", "path", "function", "fingerprint", "reason", "owner", "expires"}]}`. The
fingerprint ties an entry to the code it was written for: whoever changes the function has to answer for it again.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from .fingerprint import fingerprint
from .model import RULES, Finding
from .symbols import Program

KEYS = ("rule", "path", "function", "fingerprint", "reason", "owner", "expires")
REASON_AT_LEAST = 20
# The rule, the file, the function and its fingerprint.
Key = tuple[str, str, str, str]
WORD = re.compile(r"[^\W\d_]{2,}")
AT_MOST = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Excused:
    findings: list[Finding]
    problems: list[str] = field(default_factory=list)
    used: int = 0


def apply(findings: list[Finding], program: Program, file: Path, *, today: date, whole: bool = True) -> Excused:
    """The findings that are left, and what is wrong with the list. `whole`: the whole project was looked at."""
    if not file.exists():
        return Excused(findings)
    try:
        entries, ratchet = _read(file)
    except (ValueError, OSError) as error:
        return Excused(findings, [f"{file.name}: {error}"])
    except RecursionError:
        return Excused(findings, [f"{file.name}: it is nested too deep"])
    wrong = [list(_problems(number, entry, today)) for number, entry in enumerate(entries, 1)]
    problems = [*chain(*wrong), *_repeated(entries)]
    if whole:
        problems += _ratchet_problems(len(entries), ratchet)
    places = [_place(program, finding) for finding in findings]
    good = {_key(entry): number for number, entry in reversed(list(enumerate(entries))) if not wrong[number]}
    left = [finding for finding, place in zip(findings, places, strict=True) if place not in good]
    for number, entry in enumerate(entries):
        if whole and not wrong[number] and _key(entry) not in places:
            problems.append(_unused(number + 1, entry, places))
    return Excused(left, [f"{file.name}: {problem}" for problem in problems], len(findings) - len(left))


def fingerprint_of(program: Program, finding: Finding) -> str:
    """What an entry for this finding has to say, so that it is for the code of today."""
    return _place(program, finding)[3]


def _read(file: Path) -> tuple[list[dict[str, Any]], object]:
    whole = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_object)
    if isinstance(whole, dict) and (unknown := whole.keys() - {"ratchet", "entries"}):
        raise ValueError(f"it has members nobody reads: {', '.join(sorted(unknown))}")
    entries = whole.get("entries") if isinstance(whole, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError('it must be {"ratchet": number, "entries": [{...}]}')
    return entries, whole.get("ratchet")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > len(dict(pairs)):
        raise ValueError(f"a member stands twice in {{{', '.join(name for name, _value in pairs)}}}")
    return dict(pairs)


def _problems(number: int, entry: dict[str, Any], today: date) -> Iterator[str]:
    """What is wrong with an entry by itself."""
    said = f"entry {number}"
    missing = [key for key in KEYS if not isinstance(entry.get(key), str) or not entry[key].strip()]
    if missing:
        yield f"{said} lacks {', '.join(missing)}."
        return
    said = f"{said} ({entry['rule']} in {entry['function']} of {entry['path']})"
    if unknown := sorted(entry.keys() - set(KEYS)):
        yield f"{said} has members nobody reads: {', '.join(unknown)}."
    if entry["rule"] not in RULES:
        yield f"{said} names no rule; there are {', '.join(RULES)}."
    words = WORD.findall(entry["reason"])
    if len(words) < 3 or len(" ".join(words)) < REASON_AT_LEAST:
        yield f"{said} gives a reason of less than {REASON_AT_LEAST} characters in words."
    try:
        expires = date.fromisoformat(entry["expires"])
        if expires.isoformat() != entry["expires"]:
            raise ValueError
    except ValueError:
        yield f"{said} has an `expires` that is no date like 2027-02-01."
        return
    if expires < today:
        yield f"{said} expired on {expires}: mend the code, or answer for it again."
    elif expires > today + AT_MOST:
        yield f"{said} expires on {expires}, more than {AT_MOST.days} days ahead."


def _repeated(entries: list[dict[str, Any]]) -> Iterator[str]:
    counted = Counter(map(_key, entries))
    for (rule, path, function, _), count in counted.items():
        if count > 1:
            yield f"{count} entries are for {rule} in {function} of {path}; one is enough."


def _ratchet_problems(count: int, ratchet: object) -> Iterator[str]:
    if not isinstance(ratchet, int) or isinstance(ratchet, bool) or ratchet < 0:
        yield '"ratchet" must be a number: how many entries there may be.'
    elif count > ratchet:
        yield f"there are {count} entries and the ratchet stands at {ratchet}: the list may only get shorter."
    elif count < ratchet:
        yield f"there are {count} entries and the ratchet stands at {ratchet}: lower it to {count}."


def _key(entry: dict[str, Any]) -> Key:
    rule, path, function, mark = (str(entry.get(name)) for name in KEYS[:4])
    return rule, path, function, mark


def _place(program: Program, finding: Finding) -> Key:
    module = next((one for one in program.modules.values() if one.file == finding.file), None)
    mark = fingerprint(module, finding.function, finding.line) if module else ""
    return finding.rule, finding.file, finding.function, mark


def _unused(number: int, entry: dict[str, Any], places: list[Key]) -> str:
    said = f"entry {number} ({entry['rule']} in {entry['function']} of {entry['path']})"
    for *place, mark in places:
        if tuple(place) == _key(entry)[:3]:
            return f"{said} was written for other code: the function's fingerprint is {mark} now."
    return f"{said} excuses nothing any more: take it out."
