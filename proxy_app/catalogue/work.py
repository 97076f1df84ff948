"""Units of work on the catalogue: looking into it, and keeping what was read from a registry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from auth_app.actor import Actor
from auth_app.policy import require, visible_to
from auth_app.stamps import Stamp, audit
from gatewaysite.errors import Conflict, NotFound
from proxy_app.catalogue import book
from proxy_app.catalogue.entries import ENTRIES, Entry
from proxy_app.catalogue.reading import Reading
from proxy_app.models import Gateway, RegistryReading

TASK = "read_catalogue"
# What went wrong is tried again by the next job, which comes every ten minutes.
READ_EVERY = timedelta(hours=1)


class NoRegistry(Conflict):
    """CATALOGUE_SOURCE names no registry, so that there is nothing to read."""

    code = "no_registry"


@dataclass(frozen=True)
class Registry:
    """Where a part of the catalogue comes from, and how old that is."""

    url: str
    read_at: datetime | None = None
    tried_at: datetime | None = None
    error: str = ""
    count: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Catalogue:
    """`registered`: the ids of the gateways this actor sees, by `same_place` of their URLs."""

    entries: Sequence[Entry]
    registered: dict[str, str]
    registry: Registry | None

    def gateway_of(self, entry: Entry) -> str:
        return self.registered.get(book.same_place(entry.url), "")


def look(actor: Actor) -> Catalogue:
    """All of it, by name, with what is registered already as far as the actor may know."""
    with transaction.atomic(durable=True):
        found, registry = _read_from_registry()
        entries = book.merged(book.own_entries(), found)
        return Catalogue(entries, _registered(actor, entries), registry)


def find(key: str) -> Entry:
    """One entry by its id. Raises NotFound."""
    with transaction.atomic(durable=True):
        found, _registry = _read_from_registry()
    entry = next((entry for entry in book.merged(book.own_entries(), found) if entry.id == key), None)
    if entry is None:
        raise NotFound
    return entry


def ask_for_reading(actor: Actor, stamp: Stamp) -> bool:
    """Enqueue a reading of the registry now. False when one waits already. Raises Denied, NoRegistry."""
    require(actor, "catalogue.update")
    url = book.registry_url()
    if not url:
        raise NoRegistry
    try:
        with transaction.atomic(durable=True):
            jobs.configure_task(TASK, queue="gateway", lock=TASK, queueing_lock=TASK).defer(timestamp=0)
            audit(stamp, "catalogue.refreshed", "catalogue", "", url[:255])
    except AlreadyEnqueued:
        return False
    return True


def etag_if_due(url: str, *, now: datetime, at_once: bool) -> str | None:
    """What stands for the reading we have, empty without one; None when it is fresh enough."""
    row = RegistryReading.objects.filter(pk=url).values("read_at", "tried_at", "etag", "error").first()
    if row is None:
        return ""
    if not at_once and not row["error"] and row["tried_at"] > now - READ_EVERY:
        return None
    return str(row["etag"]) if row["read_at"] else ""


def keep(url: str, reading: Reading | None, *, now: datetime) -> None:
    """A reading that went well; None for one that is as the last. What an earlier setting named is forgotten."""
    values = {"tried_at": now, "error": ""}
    if reading is not None:
        stored = ENTRIES.dump_python(reading.entries, mode="json", exclude_defaults=True)
        values |= {"read_at": now, "etag": reading.etag, "entries": stored, "skipped": reading.skipped}
    with transaction.atomic(durable=True):
        RegistryReading.objects.exclude(pk=url).delete()
        RegistryReading.objects.update_or_create(pk=url, defaults=values)


def note_failure(url: str, message: str, *, now: datetime) -> None:
    """The last good reading stays."""
    with transaction.atomic(durable=True):
        RegistryReading.objects.update_or_create(pk=url, defaults={"tried_at": now, "error": message[:300]})


def _read_from_registry() -> tuple[list[Entry], Registry | None]:
    """Inside a unit. The entries themselves are only read when they are not those this process has parsed."""
    url = book.registry_url()
    if not url:
        return [], None
    row = RegistryReading.objects.filter(pk=url).defer("entries").first()
    if row is None:
        return [], Registry(url)
    entries: list[Entry] = []
    if row.read_at:
        entries = book.parsed(row.read_at) or book.parse(row.read_at, _entries_of(url))
    return entries, Registry(url, row.read_at, row.tried_at, row.error, len(entries), row.skipped)


def _entries_of(url: str) -> Sequence[object]:
    stored: Sequence[object] = RegistryReading.objects.values_list("entries", flat=True).get(pk=url)
    return stored


def _registered(actor: Actor, entries: Iterable[Entry]) -> dict[str, str]:
    """People write a URL with a slash at its end or without; hosts in capitals are rare enough to be missed."""
    urls = {entry.url.rstrip("/") for entry in entries}
    wanted = Q(url__in=[*urls, *(f"{url}/" for url in urls)])
    rows = Gateway.objects.filter(visible_to(actor, Gateway.kind), wanted).order_by("-created_at")
    return {book.same_place(url): pk.hex for url, pk in rows.values_list("url", "pk")}
