"""Asking every upstream now and then how it is: one process of all does it, and nothing is held meanwhile."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from django.conf import settings

from gatewaysite.context import begin_background
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from proxy_app.federation import work
from proxy_app.federation.agents.work import agents_to_check
from proxy_app.federation.work import Found
from proxy_app.oauth.live.calling import as_somebody
from proxy_app.oauth.live.work import who_is_checked_as
from proxy_app.oauth.terms import Who
from proxy_app.observe.board import board
from proxy_app.upstream import mcp
from proxy_app.upstream.a2a import fetch_card
from proxy_app.upstream.client import client
from proxy_app.upstream.errors import (
    UpstreamAuth,
    UpstreamCut,
    UpstreamError,
    UpstreamPoolFull,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy_app.upstream.health import State
from proxy_app.upstream.mcp import Endpoint
from proxy_app.upstream.oauth.errors import NotConnected

LEASE = "prober"
ANSWER_WITHIN_S = 5.0
AT_ONCE = 10
# What did not answer is asked again sooner; when it did not so many times in a row, it is not there.
AGAIN_SOONER = 6
GONE_AFTER = 2
SILENT = (UpstreamUnreachable, UpstreamTimeout, UpstreamCut)

type Question = Callable[[Endpoint], Awaitable[None]]

log = logging.getLogger(__name__)


class Prober:
    """One in every process; the one that holds the lease asks."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._due: dict[UUID, float] = {}
        self._silent: Counter[UUID] = Counter()
        self._elected = False

    def start(self) -> None:
        if settings.HTTP_HEALTH_INTERVAL > 0:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._elected:  # somebody else need not wait until it ends by itself
            try:
                await run_unit(work.give_lease_back, LEASE, board.process)
            except Exception as error:
                log.info("the lease ends by itself", extra={"error": str(error)})

    async def check_due(self) -> None:
        """Ask those whose time has come, and write down what changed."""
        now, every = time.monotonic(), settings.HTTP_HEALTH_INTERVAL
        checks = await _checks()
        self._due = {key: at for key, at in self._due.items() if key in checks}
        due = [key for key in checks if self._due.get(key, 0.0) <= now]
        found: dict[UUID, Found] = {}
        one_of_few = asyncio.Semaphore(AT_ONCE)

        async def check(key: UUID) -> None:
            async with one_of_few:
                verdict = await self._check(key, *checks[key])
            self._due[key] = now + (every / AGAIN_SOONER if self._silent[key] else every)
            if verdict is not None:
                found[key] = verdict

        await asyncio.gather(*map(check, due))
        if found:
            await run_unit(work.note_health, found)

    async def _run(self) -> None:
        begin_background("prober")
        tick_s = settings.HTTP_HEALTH_INTERVAL / AGAIN_SOONER
        while True:
            await asyncio.sleep(tick_s)
            try:
                self._elected = await run_unit(work.take_lease, LEASE, board.process, tick_s * 3)
                if self._elected:
                    await self.check_due()
            except Exception as error:
                log.warning("upstreams were not checked", extra={"error": str(error)}, exc_info=not is_trouble(error))

    async def _check(self, key: UUID, endpoint: Endpoint, question: Question) -> Found | None:
        """The state and its reason; None when our own limits kept us from finding out."""
        began = time.monotonic()
        try:
            await question(endpoint)
        except UpstreamPoolFull:
            return None
        except UpstreamError as error:
            self._note(endpoint, began, error.message)
            if not isinstance(error, SILENT):
                self._silent.pop(key, None)
                return Found(State.DEGRADED, error.message, answered=True)
            self._silent[key] += 1
            state = State.UNREACHABLE if self._silent[key] >= GONE_AFTER else State.DEGRADED
            return Found(state, error.message, answered=False)
        self._silent.pop(key, None)
        self._note(endpoint, began, "")
        return self._with_what_calls_met(endpoint)

    def _with_what_calls_met(self, endpoint: Endpoint) -> Found:
        """It answered a cheap question. Calls may still go wrong."""
        pool = client().door.pools.get(endpoint.upstream.key) if endpoint.upstream else None
        if pool is not None and pool.health.state is State.DEGRADED:
            return Found(State.DEGRADED, pool.health.reason, answered=True)
        return Found(State.HEALTHY, "", answered=True)

    def _note(self, endpoint: Endpoint, began: float, trouble: str) -> None:
        pool = client().door.pools.get(endpoint.upstream.key) if endpoint.upstream else None
        if pool is not None:
            took_ms = round((time.monotonic() - began) * 1000, 1)
            pool.last_check = {"at": time.time(), "ok": not trouble, "ms": took_ms, "trouble": trouble}


async def _checks() -> dict[UUID, tuple[Endpoint, Question]]:
    """Whom to ask, and what."""
    gateways = dict(await run_unit(work.gateways_to_check))
    connections = await run_unit(who_is_checked_as, gateways)
    agents = dict(await run_unit(agents_to_check))
    asked = {key: (endpoint, _question(key, connections)) for key, endpoint in gateways.items()}
    return asked | {key: (endpoint, ask_for_card) for key, endpoint in agents.items()}


def _question(key: UUID, connections: Mapping[UUID, Who | None]) -> Question:
    """Where people connect themselves nobody's own token is used to look: to be asked for one is an answer, too."""
    if key not in connections:
        return ask

    async def ask_with_oauth(endpoint: Endpoint) -> None:
        with suppress(UpstreamAuth, NotConnected):
            await as_somebody(connections[key], endpoint, ask)

    return ask_with_oauth


async def ask(endpoint: Endpoint) -> None:
    """Something cheap in the upstream's own era. Any answer to it is a good one. Raises UpstreamError."""
    endpoint = replace(endpoint, timeout_s=min(endpoint.timeout_s, ANSWER_WITHIN_S), check=True)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):  # also for one that talks and talks, and never answers
            await mcp.complete(await mcp.call(endpoint, "ping" if endpoint.era == "legacy" else "server/discover"))
    except TimeoutError:
        raise UpstreamTimeout from None


async def ask_for_card(endpoint: Endpoint) -> None:
    """Of an agent, which has no cheaper question: its card, or that there is none. Raises UpstreamError."""
    endpoint = replace(endpoint, timeout_s=min(endpoint.timeout_s, ANSWER_WITHIN_S), check=True)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await fetch_card(endpoint, endpoint.url)
    except TimeoutError:
        raise UpstreamTimeout from None


prober = Prober()
