"""What a check says: how bad it is, what was seen, and the cure."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Worst first."""

    ERROR = "error"
    WARNING = "warning"
    UNKNOWN = "unknown"
    OK = "ok"


@dataclass(frozen=True)
class Verdict:
    """One check's answer, in whole sentences. The cure names the setting or the command."""

    level: Level
    seen: str
    cure: str = ""


@dataclass(frozen=True)
class Finding:
    """A verdict under the stable id of its check."""

    id: str
    level: Level
    seen: str
    cure: str


class NotSeen(Exception):
    """Something could not be looked at. The message is for every check that needs it, `detail` and `cure` for one."""

    def __init__(self, message: str, detail: str = "", cure: str = "") -> None:
        super().__init__(message)
        self.detail, self.cure = detail, cure


def error(seen: str, cure: str) -> Verdict:
    return Verdict(Level.ERROR, seen, cure)


def warning(seen: str, cure: str) -> Verdict:
    return Verdict(Level.WARNING, seen, cure)


def unknown(seen: str, cure: str = "") -> Verdict:
    return Verdict(Level.UNKNOWN, seen, cure)


def ok(seen: str) -> Verdict:
    return Verdict(Level.OK, seen)


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
