"""What the checks look at besides the settings: the facts of one installation, or why they could not be had."""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from django.conf import settings

from gatewaysite.doctor.findings import NotSeen


class Route(StrEnum):
    """What stands between us and PostgreSQL."""

    STRAIGHT = "straight"
    SESSION_POOLER = "a pooler in session mode"
    TRANSACTION_POOLER = "a pooler in transaction mode"


@dataclass(frozen=True, kw_only=True)
class Server:
    """The database as a session of the gateway sees it.

    `settings` are PostgreSQL's own, in its base units. `others` are clients with another role or in another database.
    `sealed`: how many secrets are stored under which key, by its id.
    """

    version: int
    settings: dict[str, str]
    role: str
    role_limit: int
    database_limit: int
    in_use: int
    others: int
    is_standby: bool
    route: Route
    clock_ahead_s: float
    unapplied: tuple[str, ...]
    unknown: tuple[str, ...]
    sealed: dict[str, int]

    def number(self, name: str) -> int:
        """One of `settings`; 0 for one this version does not have."""
        return int(self.settings.get(name) or 0)


@dataclass(frozen=True, kw_only=True)
class Direct:
    """DATABASE_DIRECT_URL, and how long a NOTIFY on the other route took to be heard there; None if it was not."""

    route: Route
    heard_after_s: float | None
    idle_session_timeout_ms: int


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """A worker's start up to the point where it would be forked: gunicorn's settings, and what was made on the way."""

    workers: int
    preload_app: bool
    worker_class: str
    lifespan: str
    descriptors: int
    metrics: str
    threads: tuple[str, ...]
    sockets: int
    loops: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class Front:
    """The installation from outside, through whatever stands in front of it."""

    url: str
    livez: Answer
    login: Answer


@dataclass(frozen=True, kw_only=True)
class Installation:
    """`outside_pool`: connections each worker process may hold besides those of its pool."""

    outside_pool: int
    replicas: int = 1
    workers_given: int | None = None
    server_seen: Server | NotSeen
    direct_seen: Direct | NotSeen
    rehearsal_seen: Rehearsal | NotSeen
    front_seen: Front | NotSeen | None = None

    @property
    def workers(self) -> int:
        return self.workers_given or self.rehearsal.workers

    @property
    def server(self) -> Server:
        """This and the following raise NotSeen."""
        return _required(self.server_seen)

    @property
    def direct(self) -> Direct:
        return _required(self.direct_seen)

    @property
    def rehearsal(self) -> Rehearsal:
        return _required(self.rehearsal_seen)

    @property
    def front(self) -> Front | None:
        """None when nobody asked for a look from outside."""
        return _required(self.front_seen)

    @property
    def is_blind(self) -> bool:
        """Whether something that was to be looked at could not be."""
        facts = (self.server_seen, self.direct_seen, self.rehearsal_seen, self.front_seen)
        return any(isinstance(fact, NotSeen) for fact in facts)


def is_production() -> bool:
    """An installation that people reach under another name than this machine's loopback is meant seriously."""
    try:
        host = urlsplit(settings.PUBLIC_URL).hostname or ""
    except ValueError:
        return True
    return not _is_loopback(host)


def public_url() -> str:
    """To be shown: somebody may have put a password into it."""
    return re.sub(r"//[^/]*@", "//***@", str(settings.PUBLIC_URL))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _required[T](fact: T | NotSeen) -> T:
    if isinstance(fact, NotSeen):
        raise fact
    return fact
