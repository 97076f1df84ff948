"""What calls obey: how many connections and waiters, how long to wait for what; for one upstream, and for all."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Protocol

# What opens a circuit besides connections that fail: nothing, answers of a server that is away, or all errors of it.
type Counts = Literal["connections", "unavailable", "errors"]
COUNTED: Mapping[Counts, Container[int]] = {
    "connections": (),
    "unavailable": (502, 503, 504),
    "errors": range(500, 1000),
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many connections one upstream may have, how many calls may wait for one, and how long connections live."""

    max_connections: int = 25
    max_pending: int = 50
    max_keepalive_connections: int = 20
    keepalive_expiry_s: float = 300.0
    lifetime_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds per phase; None waits for ever. A request may override each through httpx's timeout extension.

    `read` is silence before and inside an answer, `stream_idle` silence inside a stream of events once it has begun,
    and `stream_total` how long such a stream may last. `total` is when the caller stops waiting for the answer: it
    cancels the call itself, and says so here that its leaving can be told from a client's.
    """

    connect: float | None = 10.0
    read: float | None = 30.0
    write: float | None = 10.0
    pool: float | None = 5.0
    stream_idle: float | None = 120.0
    stream_total: float | None = 1800.0
    total: float | None = None


@dataclass(frozen=True, kw_only=True)
class Breaking:
    """After how many failures in a row an upstream is left alone, and for how long: doubled up to the most."""

    failures: int = 5
    open_s: float = 30.0
    max_open_s: float = 300.0
    counts: Counts = "errors"

    def blames(self, status: int) -> bool:
        """Whether an answer with this status is the upstream's failure."""
        return status in COUNTED[self.counts]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What an administrator set for one upstream. None is the gateway's own setting."""

    max_connections: int | None = None
    max_pending: int | None = None
    max_keepalive_connections: int | None = None
    keepalive_expiry: float | None = None
    connection_lifetime: float | None = None
    connect_timeout: float | None = None
    read_timeout: float | None = None
    write_timeout: float | None = None
    pool_timeout: float | None = None
    stream_idle_timeout: float | None = None
    stream_max_seconds: float | None = None
    breaker_failures: int | None = None
    breaker_open_seconds: float | None = None
    breaker_counts: Counts | None = None
    probe: bool = True
    verify_tls: bool = True
    ca_certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""

    def __repr__(self) -> str:
        return "Options()"  # the key is a secret, and the rest is long


NO_OPTIONS = Options()


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Everything one upstream's pool obeys."""

    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    breaking: Breaking = Breaking()

    def with_options(self, options: Options) -> "Rules":
        return Rules(
            limits=_replaced(
                self.limits,
                max_connections=options.max_connections,
                max_pending=options.max_pending,
                max_keepalive_connections=options.max_keepalive_connections,
                keepalive_expiry_s=options.keepalive_expiry,
                lifetime_s=options.connection_lifetime,
            ),
            timeouts=_replaced(
                self.timeouts,
                connect=options.connect_timeout,
                read=options.read_timeout,
                write=options.write_timeout,
                pool=options.pool_timeout,
                stream_idle=options.stream_idle_timeout,
                stream_total=options.stream_max_seconds,
            ),
            breaking=_replaced(
                self.breaking,
                failures=options.breaker_failures,
                open_s=options.breaker_open_seconds,
                counts=options.breaker_counts,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class HouseRules:
    """What all upstreams obey together."""

    max_connections: int = 100
    max_pending: int = 200
    max_keepalive_connections: int = 20
    share_percent: int = 80
    drain_s: float = 60.0
    retry_percent: int = 20
    retry_max: int = 2
    max_streams: int = 200


class Settings(Protocol):
    """The settings the rules are made of."""

    HTTP_POOL_ENABLED: bool
    HTTP_MAX_CONNECTIONS: int
    HTTP_MAX_CONNECTIONS_PER_UPSTREAM: int
    HTTP_MAX_SHARE_PERCENT: int
    HTTP_MAX_PENDING: int
    HTTP_MAX_PENDING_PER_UPSTREAM: int
    HTTP_MAX_KEEPALIVE_CONNECTIONS: int
    HTTP_KEEPALIVE_EXPIRY: float
    HTTP_CONNECTION_LIFETIME: float
    HTTP_CONNECT_TIMEOUT: float
    HTTP_READ_TIMEOUT: float
    HTTP_WRITE_TIMEOUT: float
    HTTP_POOL_TIMEOUT: float
    HTTP_STREAM_IDLE_TIMEOUT: float
    HTTP_DRAIN_TIMEOUT: float
    BREAKER_CONSECUTIVE_FAILURES: int
    BREAKER_OPEN_SECONDS: float
    BREAKER_MAX_OPEN_SECONDS: float
    RETRY_BUDGET_PERCENT: int
    RETRY_MAX: int
    STREAM_MAX_OPEN: int
    STREAM_MAX_SECONDS: float


def rules_of(settings: Settings) -> Rules:
    """Where nothing else is said of an upstream. No pool: each call has a connection of its own, kept by nobody."""
    return Rules(
        limits=Limits(
            max_connections=settings.HTTP_MAX_CONNECTIONS_PER_UPSTREAM or settings.HTTP_MAX_CONNECTIONS,
            max_pending=settings.HTTP_MAX_PENDING_PER_UPSTREAM,
            max_keepalive_connections=settings.HTTP_MAX_KEEPALIVE_CONNECTIONS if settings.HTTP_POOL_ENABLED else 0,
            keepalive_expiry_s=settings.HTTP_KEEPALIVE_EXPIRY,
            lifetime_s=settings.HTTP_CONNECTION_LIFETIME or None,
        ),
        timeouts=Timeouts(
            connect=settings.HTTP_CONNECT_TIMEOUT,
            read=settings.HTTP_READ_TIMEOUT,
            write=settings.HTTP_WRITE_TIMEOUT,
            pool=settings.HTTP_POOL_TIMEOUT,
            stream_idle=settings.HTTP_STREAM_IDLE_TIMEOUT,
            stream_total=settings.STREAM_MAX_SECONDS,
        ),
        breaking=Breaking(
            failures=settings.BREAKER_CONSECUTIVE_FAILURES,
            open_s=settings.BREAKER_OPEN_SECONDS,
            max_open_s=settings.BREAKER_MAX_OPEN_SECONDS,
        ),
    )


def house_rules_of(settings: Settings) -> HouseRules:
    return HouseRules(
        max_connections=settings.HTTP_MAX_CONNECTIONS,
        max_pending=settings.HTTP_MAX_PENDING,
        max_keepalive_connections=settings.HTTP_MAX_KEEPALIVE_CONNECTIONS,
        share_percent=settings.HTTP_MAX_SHARE_PERCENT,
        drain_s=settings.HTTP_DRAIN_TIMEOUT,
        retry_percent=settings.RETRY_BUDGET_PERCENT,
        retry_max=settings.RETRY_MAX,
        max_streams=settings.STREAM_MAX_OPEN,
    )


def timeouts_of(given: Any, default: Timeouts) -> Timeouts:
    """The upstream's time-outs with those that a request sets itself, in its extension of that name."""
    if not given:
        return default
    if isinstance(given, Timeouts):
        return given
    return Timeouts(
        connect=given.get("connect", default.connect),
        read=given.get("read", default.read),
        write=given.get("write", default.write),
        pool=given.get("pool", default.pool),
        stream_idle=given.get("stream_idle", default.stream_idle),
        stream_total=given.get("stream_total", default.stream_total),
        total=given.get("total", default.total),
    )


def options_of(stored: Mapping[str, Any], **more: Any) -> Options:
    """What a row stores, by the names of the JSON body; one this release does not know is passed over."""
    return Options(**{_STORED[name]: value for name, value in stored.items() if name in _STORED}, **more)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


_STORED = {_camel(field.name): field.name for field in fields(Options) if field.type != "str" and field.type is not str}


def _replaced[R: Limits | Timeouts | Breaking](record: R, **values: Any) -> R:
    return replace(record, **{name: value for name, value in values.items() if value is not None})
