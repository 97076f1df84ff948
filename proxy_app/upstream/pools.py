"""The pools of this process, one for each upstream: made when first called, watched, renewed, dropped when unused."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import httpx

from proxy_app.upstream import showing
from proxy_app.upstream.figures import STEP_S
from proxy_app.upstream.limits import Rules
from proxy_app.upstream.pool import House, Pool, Upstream
from proxy_app.upstream.shapes import EventTold, HouseTold, PoolTold

LOOK_EVERY_S = 1.0
# What one look finds may be in the middle of ending; what so many in a row find is not.
LOOKS = 3
# How long a connection may take to come about beyond its own time limit.
STALL_SLACK_S = 5.0
UNUSED_FOR_S = 3600.0
POOLS_KEPT = 2000

log = logging.getLogger(__name__)


class Pools:
    def __init__(self, rules: Rules, house: House) -> None:
        self.rules = rules
        self.house = house
        self._pools: dict[str, Pool] = {}
        self._suspicions: Counter[tuple[str, str]] = Counter()
        self._stepped_at = time.monotonic()
        self._watch: asyncio.Task[None] | None = None
        self._closed = False

    def __iter__(self) -> Iterator[Pool]:
        return iter(tuple(self._pools.values()))

    def get(self, key: str) -> Pool | None:
        return self._pools.get(key)

    def of(self, request: httpx.Request) -> Pool:
        """The pool that a request belongs to: its upstream's, or its host's."""
        upstream = request.extensions.get("upstream")
        if isinstance(upstream, Upstream):
            pool = self._pools.get(upstream.key)
            return pool if pool is not None and pool.upstream is upstream else self._met(upstream)
        key = upstream or request.url.netloc.decode("ascii")
        return self._pools.get(key) or self._met(Upstream(key=key, name=key))

    def recreate(self, key: str, who: str, cause: str = "manual") -> EventTold | None:
        """Open a new generation for one upstream; None when this process has no pool for it."""
        pool = self._pools.get(key)
        if pool is None:
            return None
        pool.asked(1)
        return pool.recreate(who, cause)

    def not_told(self, key: str) -> None:
        """What was asked for here could not be written down for the others."""
        if pool := self._pools.get(key):
            pool.asked(-1)

    # --- Watching -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """On the running loop, also again after a close. Calls need no start; the watch does."""
        self._closed = False
        if self._watch is None:
            self._watch = asyncio.create_task(self._look_again_and_again())

    async def aclose(self) -> None:
        self._closed = True
        self.house.shelf.stop()
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError, RuntimeError):  # of a loop that has ended
                await self._watch
            self._watch = None
        for pool in self:
            await pool.aclose()
        self._pools.clear()

    async def look(self) -> None:
        """Drain what was replaced, replace what does not add up, drop what nobody uses."""
        now = time.monotonic()
        step = now - self._stepped_at >= STEP_S
        if step:
            self._stepped_at = now
        for pool in self:
            await pool.drain(now)
            self._examine(pool, now)
            if step:
                pool.figures.step(time.time())
            if now - pool.used_at > UNUSED_FOR_S and not (pool.in_flight or pool.idle or pool.draining):
                del self._pools[pool.upstream.key]
                await pool.aclose()
        if self.house.slots.stuck:
            self.house.slots.hand_out()

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except Exception:
                log.exception("looking after the pools failed")

    def _examine(self, pool: Pool, now: float) -> None:
        generation = pool.generation
        leaked = generation.leaked
        self._suspect(pool, "leak", f"{leaked} connections in use belong to no call" if leaked else "")
        limit_s = (pool.rules.timeouts.connect or 0.0) + STALL_SLACK_S
        stalled = sum(call.phase == "connecting" and now - (call.slot_at or now) > limit_s for call in generation.calls)
        self._suspect(pool, "handshake_stall", f"{stalled} connections do not come about" if stalled else "")
        stuck = pool.slots.own.stuck
        self._suspect(pool, "pool_wait", "calls wait although there is room" if stuck else "")

    def _suspect(self, pool: Pool, cause: str, evidence: str) -> None:
        key = (pool.upstream.key, cause)
        if not evidence:
            self._suspicions.pop(key, None)
            return
        self._suspicions[key] += 1
        if self._suspicions[key] >= LOOKS:
            del self._suspicions[key]
            log.warning("upstream pool renewed", extra={"upstream": pool.upstream.name, "cause": cause})
            pool.renew_soon(cause, evidence)
            pool.slots.own.hand_out()

    # --- Making ---------------------------------------------------------------------------------------------------

    def _met(self, upstream: Upstream) -> Pool:
        """An upstream that is new here, or was described anew: the same again, set up otherwise, or an older word."""
        pool = self._pools.get(upstream.key)
        if self._closed:
            raise RuntimeError("the upstream client is closed")
        if pool is None:
            self._make_room()
            pool = self._pools[upstream.key] = Pool(upstream, self.rules, self.house)
        elif upstream.is_set_up_like(pool.upstream):
            asked_for = upstream.epoch > pool.upstream.epoch
            pool.upstream = upstream if upstream.epoch >= pool.upstream.epoch else pool.upstream
            if asked_for:  # elsewhere; by whom, the audit says
                pool.recreate()
        elif upstream.revision >= pool.upstream.revision:
            pool.set_up(upstream)
        return pool

    def _make_room(self) -> None:
        """Whoever may name hosts must not fill our memory with pools."""
        if len(self._pools) >= POOLS_KEPT:
            unused = [pool for pool in self if not (pool.in_flight or pool.draining)]
            if unused:
                oldest = min(unused, key=lambda pool: pool.used_at)
                del self._pools[oldest.upstream.key]
                oldest.generation.transport.close_idle()

    # --- What others look at --------------------------------------------------------------------------------------

    @property
    def in_use(self) -> int:
        """Slots taken."""
        return self.house.slots.in_use

    @property
    def waiting(self) -> int:
        return self.house.crowd.waiting

    @property
    def in_flight(self) -> int:
        return sum(pool.in_flight for pool in self)

    @property
    def idle(self) -> int:
        return sum(pool.idle for pool in self)

    def stats(self, most: int | None = None) -> list[PoolTold]:
        """Every upstream, or so many, the busiest first."""
        pools = sorted(self, key=lambda pool: (-pool.in_flight, pool.upstream.name))
        return [showing.pool_data(pool) for pool in pools[:most]]

    def in_common(self) -> HouseTold:
        """What they share, and how much of it is taken."""
        rules = self.house.rules
        return {
            "slots": self.in_use,
            "max_connections": rules.max_connections,
            "waiting": self.waiting,
            "max_pending": rules.max_pending,
            "streams": self.house.streams,
            "max_streams": rules.max_streams,
            "idle": self.idle,
        }
