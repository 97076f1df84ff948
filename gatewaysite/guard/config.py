"""What a project tells the guard, in pyproject.toml under [tool.poolgate.guard]."""

import tomllib
from collections.abc import Mapping
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
    """The configuration of the project around this path; without a pyproject.toml the defaults, for this folder."""
    start = start.resolve()
    folder = start if start.is_dir() else start.parent
    for root in (folder, *folder.parents):
        if (root / "pyproject.toml").is_file():
            return _read(root)
    return Config(root=folder)


def _read(root: Path) -> Config:
    try:
        whole = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"pyproject.toml cannot be read: {error}") from error
    table = whole.get("tool", {}).get("poolgate", {}).get("guard", {})
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    values["effects"] = {name: tuple(paths) for name, paths in table.get("effects", {}).items()}
    try:
        config = Config(root=root, **values)
    except TypeError as error:
        raise BadConfig(f"[tool.poolgate.guard] in pyproject.toml: {error}") from error
    if config.engine not in ENGINES:
        raise BadConfig(f"[tool.poolgate.guard] engine is {config.engine!r}, not one of {', '.join(ENGINES)}")
    return config
