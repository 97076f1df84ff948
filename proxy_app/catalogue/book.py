"""The servers this process knows of: those that come with the gateway, a file's, and what was read from a registry."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from django.conf import settings

from proxy_app.catalogue.entries import ENTRIES, Entry, read_file

OURS = Path(__file__).with_name("servers.toml")

# What was last read from a registry, as parsed: it is a thousand servers, and the row says whether there are others.
_parsed: dict[datetime, list[Entry]] = {}


def registry_url() -> str:
    """The registry that CATALOGUE_SOURCE names; empty when it names a file, or nothing."""
    source: str = settings.CATALOGUE_SOURCE
    return source if source.startswith(("http://", "https://")) else ""


def own_entries() -> tuple[Entry, ...]:
    """Those of our file and of the one that CATALOGUE_SOURCE names, which may say one of ours anew."""
    return _own("" if registry_url() else settings.CATALOGUE_SOURCE)


def merged(*books: Iterable[Entry]) -> list[Entry]:
    """By name. Of two with one id the later book's counts; one that repeats an earlier book's URL is left out."""
    by_id: dict[str, Entry] = {}
    for book in books:
        urls = {same_place(entry.url): entry.id for entry in by_id.values()}
        by_id |= {entry.id: entry for entry in book if urls.get(same_place(entry.url), entry.id) == entry.id}
    return sorted(by_id.values(), key=lambda entry: (entry.name.lower(), entry.id))


def same_place(url: str) -> str:
    """A URL in the one spelling that URLs of catalogue and gateways are compared in."""
    return url.rstrip("/").lower()


def parsed(read_at: datetime) -> list[Entry] | None:
    return _parsed.get(read_at)


def parse(read_at: datetime, stored: Sequence[object]) -> list[Entry]:
    """What is stored of a registry. An entry that older rules let in and ours do not would be refused whole."""
    entries = ENTRIES.validate_python(stored)
    _parsed.clear()
    _parsed[read_at] = entries
    return entries


@cache
def _own(path: str) -> tuple[Entry, ...]:
    return tuple(merged(read_file(OURS), read_file(Path(path)) if path else ()))
