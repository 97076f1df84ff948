"""What a project tells the guard, in pyproject.toml under [tool.poolgate.guard]."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXCLUDED = ("tests/**", "**/tests/**", "**/test_*.py", "**/conftest.py", "**/migrations/**", "**/node_modules/**")
# Where HTTP clients may be made in a project that says nothing.
CLIENT_MODULES = ("**/http_pool.py",)
ENGINES = ("stock", "handback")


class BadConfig(Exception):
    """The guard's table in pyproject.toml cannot be followed."""


@dataclass(frozen=True, kw_only=True)
class Config:
    root: Path
    paths: tuple[str, ...] = (".",)
    exclude: tuple[str, ...] = EXCLUDED
    # "stock": Django keeps a connection from the first query to the end of the request. "handback": only while a
    # block or a cursor is open.
    engine: str = "stock"
    clients: tuple[str, ...] = CLIENT_MODULES
    lock_timeout: bool = False  # whether every connection has one, set where the guard cannot see it
    allowlist: str = "guard_allowlist.json"
    effects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


def load(start: Path) -> Config:
    """The configuration of the project around this path; without a pyproject.toml the defaults."""
    start = start.resolve()
    folder = start if start.is_dir() else start.parent
    for root in (folder, *folder.parents):
        if (root / "pyproject.toml").is_file():
            return _read(root)
    return Config(root=next((root for root in (folder, *folder.parents) if _is_project(root)), folder))


def _is_project(folder: Path) -> bool:
    return (folder / "manage.py").exists() or (folder / ".git").exists()


def _read(root: Path) -> Config:
    try:
        table: Any = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadConfig(f"pyproject.toml cannot be read: {error}") from error
    for name in ("tool", "poolgate", "guard"):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise BadConfig(f"{name} in pyproject.toml must be a table")
    for key, value in table.items():
        _require(key, value)
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    values["effects"] = {name: tuple(paths) for name, paths in table.get("effects", {}).items()}
    return Config(root=root, **values)


def _require(key: str, value: object) -> None:
    """A text where a list belongs would be taken apart letter by letter, and switch rules off."""
    if key not in _KINDS:
        raise BadConfig(f"[tool.poolgate.guard] knows no {key}; there are {', '.join(_KINDS)}")
    fits, said = _KINDS[key]
    if not fits(value):
        raise BadConfig(f"[tool.poolgate.guard] {key} is {value!r}; it must be {said}")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_effects(value: object) -> bool:
    return isinstance(value, dict) and all(_is_texts(one) for one in value.values())


def _is_data(value: object) -> bool:
    return isinstance(value, dict) and all(_is_argument(one) for one in value.values())


def _is_argument(value: object) -> bool:
    return isinstance(value, list) and [type(one) for one in value] == [int, str] and value[0] >= 0


_TEXTS = (_is_texts, "a list of texts")
_KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "paths": _TEXTS,
    "exclude": _TEXTS,
    "engine": (lambda value: value in ENGINES, f"one of {', '.join(ENGINES)}"),
    "clients": _TEXTS,
    "lock_timeout": (lambda value: isinstance(value, bool), "true or false"),
    "allowlist": (lambda value: isinstance(value, str), "a text"),
    "effects": (_is_effects, "a table of lists of texts"),
    "data": (_is_data, 'a table of [place, "name"]'),
}
