"""Keeps the read model fresh: LISTEN for changes, compare versions all the same, load only what moved.

A change bumps its part's version and notifies, both by database triggers at commit (the migrations `0002_versions`).
Three ways lead to a load: the notification, the comparison every POLL_S, and `check`, which the control plane awaits
after a write and the data plane when it met a key it does not know. Loads of one part run one at a time, and whoever
asks while one runs shares the next.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import django.db
import psycopg
from django.conf import settings

from gatewaysite.context import begin_background
from gatewaysite.db.direct import connect_directly
from gatewaysite.db.failures import as_refusal, is_trouble
from gatewaysite.db.units import run_unit
from proxy_app.observe import activity
from proxy_app.observe.board import CHANNEL as BOARD_CHANNEL
from proxy_app.observe.board import board
from proxy_app.snapshot import work
from proxy_app.snapshot.entries import Connections, Snapshot

CHANNEL = "poolgate"
POLL_S = 2.0
BOARD_EVERY_S = 0.5  # who looks from elsewhere is answered within this time
LOOK_EVERY_S = 0.05
ANSWER_WITHIN_S = 2.0  # a version query that takes longer means the connection is dead
OBSERVE_WITHIN_S = 0.4  # by so much can watching delay following
RECONNECT_S = 0.5
TELL_AGAIN_AFTER_S = 60.0
LOADERS: dict[str, Callable[..., Any]] = {
    "access": work.load_access,
    "registry": work.load_registry,
    "oauth": work.load_oauth,
}
# Of these a loader is given what there was before.
BY_CHANGES = frozenset({"oauth"})

type Listener = psycopg.AsyncConnection[Any]

log = logging.getLogger(__name__)


class Keeper:
    """One per process, started in the ASGI lifespan. Everything here runs on the event loop."""

    def __init__(self) -> None:
        self.snapshot = Snapshot()
        self.listening = False
        self.loads_total = 0
        self._checked_at: float | None = None
        self._queued: dict[str, asyncio.Task[None]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._look: asyncio.Task[None] | None = None
        self._one_look = asyncio.Lock()
        self._follower: asyncio.Task[None] | None = None
        self._told_at = float("-inf")

    async def start(self) -> None:
        """Load everything once, then follow in the background. A database that is down does not stop the start."""
        try:
            await self.check()
        except Exception:
            log.exception("the first load of the snapshot failed; it is tried again soon")
        self._follower = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._follower:
            self._follower.cancel()
            await asyncio.wait([self._follower])

    @property
    def loaded(self) -> bool:
        return self._checked_at is not None

    @property
    def age_s(self) -> float:
        """Seconds since the snapshot was last known to be what the database says."""
        return float("inf") if self._checked_at is None else time.monotonic() - self._checked_at

    async def check(self) -> None:
        """Be at least as fresh as the database is now. Raises Refused when that cannot be had."""
        try:
            await self._catch_up(await run_unit(work.read_versions))
        except django.db.Error as error:
            raise as_refusal(error) or error from error

    async def look_again(self) -> None:
        """`check` for a caller who met an unknown key: shared, and at most every LOOK_EVERY_S however many guess."""
        if self._look is None:
            self._look = asyncio.create_task(self._look_soon(), context=Context())
        await asyncio.shield(self._look)

    async def _look_soon(self) -> None:
        begin_background("snapshot")  # shared, so on nobody's account
        await asyncio.sleep(LOOK_EVERY_S)
        async with self._one_look:  # however slow the database is, one looks and all others share the next
            self._look = None  # who comes from here on needs a later look
            await self.check()

    async def _catch_up(self, versions: dict[str, int]) -> None:
        asked_at = time.monotonic()
        # Of connections only the version is held, so there is nothing to load; of parts we do not know, nothing at all.
        connections = Connections(max(versions.get("connections", 0), self.snapshot.connections.version))
        self.snapshot = replace(self.snapshot, connections=connections)
        known = {part: version for part, version in versions.items() if part in LOADERS}
        stale = {part for part, version in known.items() if version != getattr(self.snapshot, part).version}
        if (ends_at := self.snapshot.access.ends_at) and ends_at <= datetime.now(UTC):
            stale.add("access")  # a role has expired, which moves no row
        await asyncio.gather(*(self._load(part) for part in stale))
        self._checked_at = asked_at

    async def _load(self, part: str) -> None:
        """Load a part as of now, together with everyone who asks before that load begins."""
        queued = self._queued.get(part)
        if queued is None:
            queued = self._queued[part] = asyncio.create_task(self._load_in_turn(part), context=Context())
        await asyncio.shield(queued)

    async def _load_in_turn(self, part: str) -> None:
        begin_background("snapshot")
        async with self._locks[part]:
            del self._queued[part]  # who asks from here on needs a later load
            loaded = await run_unit(LOADERS[part], *self._before(part))
            self.snapshot = replace(self.snapshot, **{part: loaded})
            self.loads_total += 1

    def _before(self, part: str) -> tuple[Any, ...]:
        """What a loader takes that reads only what has changed."""
        return (getattr(self.snapshot, part),) if part in BY_CHANGES else ()

    async def _follow(self) -> None:
        """Hold this process's one pinned connection, outside the pool, and come back whenever it is lost."""
        begin_background("snapshot")
        said = ""
        while True:
            try:
                async with _listener() as connection:
                    await self._follow_on(connection)
            except Exception as error:
                if self.listening or str(error) != said:  # once per trouble, not twice a second
                    said = str(error)
                    extra = {"error": said}
                    log.warning("not following the database, trying again", extra=extra, exc_info=not is_trouble(error))
            finally:
                self.listening = False
            await asyncio.sleep(RECONNECT_S)

    async def _follow_on(self, connection: Listener) -> None:
        while True:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                cursor = await connection.execute("SELECT part, version FROM auth_app_stateversion")
                versions = dict(await cursor.fetchall())
            await self._catch_up(versions)
            self.listening = True
            until = time.monotonic() + POLL_S
            await self._observe(activity.sample, connection)
            await self._wait_for_a_change(connection, until)

    async def _wait_for_a_change(self, connection: Listener, until: float) -> None:
        """Until the database tells of one, or that time. Meanwhile the board talks over the same connection.

        One notification is enough to look again: the versions say what moved, and a burst costs one look.
        """
        while (left_s := until - time.monotonic()) > 0:
            async for notification in connection.notifies(timeout=min(left_s, BOARD_EVERY_S), stop_after=1):
                if notification.channel == CHANNEL:
                    return
                self._hear(notification.payload)
            if board.busy:
                await self._observe(board.exchange, connection)

    async def _observe(self, watch: Callable[[Listener], Awaitable[None]], connection: Listener) -> None:
        """Nothing that goes wrong with watching may end the following. A connection that is lost does so by itself."""
        try:
            async with asyncio.timeout(OBSERVE_WITHIN_S):
                await watch(connection)
        except Exception as error:
            self._tell_unobserved(error)

    def _hear(self, payload: str) -> None:
        """Anybody in the database may have sent it."""
        try:
            board.hear(payload)
        except Exception as error:
            self._tell_unobserved(error)

    def _tell_unobserved(self, error: Exception) -> None:
        if time.monotonic() - self._told_at > TELL_AGAIN_AFTER_S:
            self._told_at = time.monotonic()
            extra = {"error": str(error)}
            log.error("the connection X-ray may lack something", extra=extra, exc_info=not is_trouble(error) and error)


@asynccontextmanager
async def _listener() -> AsyncIterator[Listener]:
    connection = await connect_directly(settings.DATABASE_DIRECT_URL, name="poolgate listener")
    try:
        await connection.execute(f"LISTEN {CHANNEL}")
        await connection.execute(f"LISTEN {BOARD_CHANNEL}")
        yield connection
    finally:
        await connection.close()


keeper = Keeper()


def current() -> Snapshot:
    """The read model of this process, as of now."""
    return keeper.snapshot


async def found[T](find: Callable[[Snapshot], T | None]) -> T | None:
    """What `find` finds now, or when looking again: another process may have made it a moment ago.

    Raises like `look_again`.
    """
    it = find(keeper.snapshot)
    if it is None:
        await keeper.look_again()
        it = find(keeper.snapshot)
    return it
