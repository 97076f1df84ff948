"""Denials in memory until they are written: the same one within a minute is one, and however many, they are bounded.

A denial's id is made of what it is about and the minute, so every process has the same one, and none has to ask.
"""

import hashlib
import threading
import time
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from auth_app.actor import Actor
from auth_app.decision import Decision
from gatewaysite.validation import NOT_IN_A_LINE

MINUTE_S = 60
# Different denials that may wait; more are counted, and are not kept.
AT_MOST = 5_000
# Of what looked absent, each takes a look into the database whether it is only hidden; of unknown tokens likewise.
SOUGHT_AT_MOST, STRANGERS_AT_MOST = 200, 200


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came in: `surface` is api, ui, mcp, a2a, proxy or ops."""

    surface: str = ""
    request_id: str = ""
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    id: UUID
    decision: Decision
    origin: Origin
    at: float
    last_at: float
    count: int = 1


class Sought(NamedTuple):
    """Something that was not found, for whom."""

    actor: Actor
    kind: str
    key: str


@dataclass(slots=True)
class Page:
    """What waits to be written. `strangers`: hashes of secrets that are no live token's."""

    denials: dict[UUID, Noted] = field(default_factory=dict)
    sought: dict[Sought, Origin] = field(default_factory=dict)
    strangers: dict[bytes, Origin] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.denials or self.sought or self.strangers)


class Book:
    """One per process. Called by the event loop and by the control plane's threads; never waits, never fails."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._page = Page()
        self._minute = 0
        self._written: set[UUID] = set()  # in this minute, by those who write at once
        self.dropped_total = 0

    def note(self, decision: Decision, origin: Origin) -> UUID:
        """Keep it, to be written with others."""
        noted = noted_now(decision, origin)
        with self._lock:
            self._add(noted)
        return noted.id

    def begin(self, decision: Decision, origin: Origin) -> tuple[UUID, Noted | None]:
        """For who writes at once: the id, and what to write; nothing when this minute's row is there already."""
        noted = noted_now(decision, origin)
        minute = int(noted.at // MINUTE_S)
        with self._lock:
            if self._minute != minute:
                self._minute, self._written = minute, set()
            if noted.id in self._written or len(self._written) >= AT_MOST:
                self._add(noted)
                return noted.id, None
            self._written.add(noted.id)
        return noted.id, noted

    def seek(self, actor: Actor, kind: str, key: str, origin: Origin) -> None:
        """What looked absent may be only hidden: to be seen when there is time. No item has a key that is no line."""
        if NOT_IN_A_LINE.search(key):
            return
        with self._lock:
            if len(self._page.sought) < SOUGHT_AT_MOST:
                self._page.sought[Sought(actor, kind, key)] = origin
            else:
                self.dropped_total += 1

    def note_stranger(self, secret_hash: bytes, origin: Origin) -> None:
        """A secret that is no live token's may be that of one which was revoked or has expired."""
        with self._lock:
            if len(self._page.strangers) < STRANGERS_AT_MOST:
                self._page.strangers[secret_hash] = origin
            else:
                self.dropped_total += 1

    def take(self) -> Page:
        with self._lock:
            taken, self._page = self._page, Page()
        return taken

    def put_back(self, page: Page) -> None:
        with self._lock:
            for noted in page.denials.values():
                self._add(noted)
            for sought, origin in page.sought.items():
                self._page.sought.setdefault(sought, origin)
            for secret_hash, origin in page.strangers.items():
                self._page.strangers.setdefault(secret_hash, origin)

    def _add(self, noted: Noted) -> None:
        denials = self._page.denials
        if known := denials.get(noted.id):
            denials[noted.id] = replace(
                known, count=known.count + noted.count, at=min(known.at, noted.at), last_at=max(known.last_at, noted.at)
            )
        elif len(denials) < AT_MOST:
            denials[noted.id] = noted
        else:
            self.dropped_total += noted.count


book = Book()


def noted_now(decision: Decision, origin: Origin) -> Noted:
    now = time.time()
    return Noted(_id(decision, now), decision, origin, now, now)


def _id(decision: Decision, now: float) -> UUID:
    """Not to be guessed by who does not have the key."""
    thing = decision.thing
    about = (
        decision.user_id, decision.token_id, decision.permission, thing, decision.failed, decision.hidden,
        now // MINUTE_S,
    )  # fmt: skip
    key = hashlib.sha256(settings.SECRET_KEY.encode()).digest()
    return UUID(bytes=hashlib.blake2b(repr(about).encode(), digest_size=16, key=key, person=b"denial").digest())
