"""How many connections, and how long to wait for what."""

from dataclasses import dataclass

import httpx


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many connections, and for how long an unused one is kept."""

    max_connections: int = 100
    max_per_host: int = 80
    max_keepalive_connections: int = 20
    keepalive_expiry_s: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds per phase; None waits for ever. A request may override each through httpx's timeout extension."""

    connect: float | None = 10.0
    read: float | None = 30.0
    write: float | None = 10.0
    pool: float | None = 5.0


def timeouts_of(request: httpx.Request, default: Timeouts) -> Timeouts:
    given = request.extensions.get("timeout")
    if given is None:
        return default
    if isinstance(given, Timeouts):
        return given
    return Timeouts(
        connect=given.get("connect", default.connect),
        read=given.get("read", default.read),
        write=given.get("write", default.write),
        pool=given.get("pool", default.pool),
    )
