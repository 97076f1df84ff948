"""Which names have which effects: the tables of effects.toml together with those of the project."""

import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from .config import BadConfig, Config
from .model import Effect

# Names that mean more than an effect: a block, and functions moved between threads and the event loop.
ATOMIC = "django.db.transaction.atomic"
TO_THREAD = ("asgiref.sync.sync_to_async", "asgiref.sync.sync_to_async()")
TO_SYNC = ("asgiref.sync.async_to_sync", "asgiref.sync.async_to_sync()")
SHIPPED = Path(__file__).with_name("effects.toml")


class Names:
    """A set of dotted names, some of which end in `*`."""

    def __init__(self, names: Iterable[str]) -> None:
        names = frozenset(names)
        self._exact = frozenset(name for name in names if not name.endswith("*"))
        self._beginnings = tuple(name[:-1] for name in names if name.endswith("*"))

    def __contains__(self, path: str) -> bool:
        return path in self._exact or path.startswith(self._beginnings)


class Beginnings:
    """Every name, and whatever one passes on the way to it: of `a.B().c` also `a`, `a.B` and `a.B()`."""

    def __init__(self, names: Iterable[str]) -> None:
        names = frozenset(names)
        self._stops = {stop for name in names for stop in _stops_on_the_way_to(name)}
        self._names = Names(names)

    def __contains__(self, path: object) -> bool:
        return path in self._stops or (isinstance(path, str) and path in self._names)


def _stops_on_the_way_to(name: str) -> Iterator[str]:
    for place, sign in enumerate(name):
        if sign in ".([":
            yield name[:place]
        elif sign in ")]":
            yield name[: place + 1]
    yield name


class Tables:
    def __init__(self, config: Config) -> None:
        shipped = _shipped()
        kinds = {name: [*paths, *config.effects.get(name, ())] for name, paths in shipped["effects"].items()}
        if unknown := config.effects.keys() - kinds.keys():
            raise BadConfig(f"[tool.poolgate.guard.effects] knows no {', '.join(sorted(unknown))}")
        for library in shipped["client_library"]:
            _add_library(kinds, library)
        self._names = {Effect(kind): Names(kinds[kind]) for kind in kinds if kind in Effect}
        self.database_async = Names(kinds["database_async"])
        self.holding = Names(kinds["holding"])
        self.unit = Names(kinds["unit"])
        self.harmless = Names(name for library in shipped["client_library"] for name in library.get("harmless", ()))
        self.data: dict[str, tuple[int, str]] = {
            name: (position, keyword) for name, (position, keyword) in {**shipped["data"], **config.data}.items()
        }
        self._known: dict[str, tuple[Effect, ...]] = {}
        self.every_name = frozenset(name for names in kinds.values() for name in names) | self.data.keys()

    def effects_of(self, path: str) -> tuple[Effect, ...]:
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = tuple(effect for effect, names in self._names.items() if path in names)
        return known


@cache
def canonical(path: str) -> str:
    """The name people import it by, when a library defines it elsewhere."""
    for defined, imported in _shipped()["homes"].items():
        if path.startswith(defined) and (defined.endswith((".", "()")) or path[len(defined) :][:1] in ("", ".", "(")):
            return canonical(imported + path[len(defined) :])
    return path


@cache
def libraries() -> frozenset[str]:
    """The packages these tables speak of: a project's folder by such a name is not meant by an import of it."""
    shipped = _shipped()
    names = [name for paths in shipped["effects"].values() for name in paths] + [*shipped["data"], *shipped["homes"]]
    names += [name for library in shipped["client_library"] for name in library["makes"]]
    return frozenset(name.partition(".")[0] for name in names)


@cache
def _shipped() -> dict[str, Any]:
    return tomllib.loads(SHIPPED.read_text(encoding="utf-8"))


def _add_library(kinds: dict[str, list[str]], library: dict[str, list[str]]) -> None:
    """An HTTP library's names: what makes clients, what of them calls, what of the answers goes on reading."""
    calls = [f"{client}().{call}" for client in library["makes"] for call in library["calls"]]
    reads = [f"{call}().{read}" for call in calls for read in library.get("reads", ())]
    shortcuts = library.get("shortcuts", [])
    kinds["client"] += library["makes"] + shortcuts
    kinds["upstream"] += calls + reads + shortcuts
    kinds["block"] += [name for name in calls + shortcuts if _is_blocking(name)]


def _is_blocking(name: str) -> bool:
    return "Async" not in name and not name.startswith("aiohttp.")
