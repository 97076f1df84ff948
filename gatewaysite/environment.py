"""The environment: what is read of it, and what `.env.example`, which people copy, says of every name.

`.env.example` is the one description: a heading begins a group, and the comment right above a name says what it means.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import environ

DESCRIPTION = Path(__file__).resolve().parent.parent / ".env.example"
HEADING = re.compile(r"# --- (.+)")
NAME = re.compile(r"#?([A-Z][A-Z0-9_]*)=(.*)")
# Whatever is called like this is never shown. A new setting has to be known here to be, and a new secret need not.
SECRET = re.compile(r"KEYS?$|PASSWORD$|SECRET$|TOKEN$|_URL$")
SHOWN_ALL_THE_SAME = frozenset({"PUBLIC_URL", "RATE_LIMIT_TOKEN"})
# In an address that is shown all the same.
CREDENTIALS = re.compile(r"//[^/\s]*@")
ALLOWED = {bool: "true or false", int: "a whole number", float: "a number", list: "any number, separated by commas"}


@dataclass(frozen=True)
class Described:
    """What `.env.example` says of a name."""

    name: str
    group: str
    meaning: str
    default: str


@dataclass(frozen=True)
class Setting(Described):
    """What holds in this process. A secret has no `value` here, only whether it is set."""

    value: str
    is_set: bool
    is_secret: bool
    allowed: str

    @property
    def source(self) -> str:
        return "environment" if self.is_set else "default"

    @property
    def changed(self) -> bool:
        return self.is_set and (self.is_secret or self.value != self.default)


class Environment(environ.Env):  # type: ignore[misc]  # has no types
    """Reads as django-environ does, and remembers what became of each name."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        self.values[var] = value = super().get_value(var, *args, **kwargs)
        return value

    def effective(self) -> Iterator[Setting]:
        """Every setting as it holds, those that only the server reads included."""
        for one in described():
            given = str(self.ENVIRON.get(one.name, ""))
            value = self.values.get(one.name, given or one.default)
            is_secret = one.name not in SHOWN_ALL_THE_SAME and bool(SECRET.search(one.name))
            yield Setting(
                one.name, one.group, one.meaning, one.default,
                value="" if is_secret else CREDENTIALS.sub("//***@", written(value)),
                is_set=bool(given),
                is_secret=is_secret,
                allowed=ALLOWED.get(type(value), ""),
            )  # fmt: skip


@cache
def described() -> tuple[Described, ...]:
    return tuple(_read(DESCRIPTION.read_text()))


def written(value: Any) -> str:
    """A value as one writes it into the file: no `.0`, small truth values, lists with commas."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(str, value))
    return re.sub(r"\.0$", "", str(value))


def _read(text: str) -> Iterator[Described]:
    group, words = "", list[str]()
    for line in text.splitlines():
        if heading := HEADING.fullmatch(line):
            group, words = heading[1], []
        elif found := NAME.fullmatch(line):
            yield Described(found[1], group, " ".join(words), found[2])
            words = []
        else:
            words = [*words, line.removeprefix("#").strip()] if line.startswith("#") else []


env = Environment()
