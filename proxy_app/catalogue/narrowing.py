"""Which entries of the catalogue somebody wants to see. All of it is in memory already."""

from collections import Counter
from collections.abc import Callable, Iterable

from proxy_app.catalogue.bodies import AUTH_WORDS, Wanted
from proxy_app.catalogue.entries import Entry
from proxy_app.catalogue.work import Catalogue


def narrowed(catalogue: Catalogue, wanted: Wanted) -> list[Entry]:
    tags = {tag.strip().lower() for tag in wanted.tags.split(",") if tag.strip()}
    words = wanted.search.lower().split()
    return [
        entry
        for entry in catalogue.entries
        if wanted.category in ("", entry.category)
        and wanted.provider in ("", entry.provider)
        and wanted.auth_type in ("", AUTH_WORDS[entry.auth])
        and (not tags or not tags.isdisjoint(tag.lower() for tag in entry.tags))
        and (not wanted.show_registered_only or catalogue.gateway_of(entry))
        and (not words or _has_all(entry, words))
    ]


def counted_by(entries: Iterable[Entry], key: Callable[[Entry], str]) -> list[tuple[str, int]]:
    """Every value and how many have it, by name."""
    return sorted(Counter(map(key, entries)).items())


def _has_all(entry: Entry, words: Iterable[str]) -> bool:
    text = " ".join((entry.name, entry.provider, entry.category, entry.description, *entry.tags)).lower()
    return all(word in text for word in words)
