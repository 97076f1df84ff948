"""One upstream's pool: its slots, its breaker, its health, and the generation of connections that serves it now."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import httpx

from proxy_app.upstream import tls
from proxy_app.upstream.abandoned import Abandoned, AbandonedCalls
from proxy_app.upstream.addresses import AddressGuard
from proxy_app.upstream.breaker import Breaker, Circuit
from proxy_app.upstream.calls import Call
from proxy_app.upstream.connector import Shelf
from proxy_app.upstream.failures import AddressRefused, CircuitOpen, ShareFull, StreamCap
from proxy_app.upstream.figures import Figures
from proxy_app.upstream.health import Health
from proxy_app.upstream.limits import NO_OPTIONS, HouseRules, Options, Rules, Timeouts, timeouts_of
from proxy_app.upstream.outgoing import outgoing_of
from proxy_app.upstream.retry import Retries
from proxy_app.upstream.shapes import CheckTold, EventTold
from proxy_app.upstream.slots import Crowd, QueueFull, SharedSlots, Slots
from proxy_app.upstream.transport import AiohttpTransport, IncomingStream, Outcome

EVENTS_KEPT = 100
# A caller's own deadline begins a moment before the call does.
DEADLINE_SLACK_S = 0.05
# An upstream that comes and goes does not get new connections each time.
RENEW_AGAIN_AFTER_S = 10.0
# Failures that say nothing of the upstream: ours, or the caller's.
NOT_ITS_FAULT = (AddressRefused, httpx.PoolTimeout, httpx.LocalProtocolError, httpx.UnsupportedProtocol)


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Who is called: what a pool is made for. Of two with one key the higher revision is the newer."""

    key: str
    name: str = ""
    revision: int = 0
    epoch: int = 0  # raised when somebody asked for new connections
    target: str = ""  # changes with the address and the credential
    options: Options = field(default=NO_OPTIONS, hash=False)

    def is_set_up_like(self, other: "Upstream") -> bool:
        return (self.target, self.options) == (other.target, other.options)


class Listener(Protocol):
    """Who counts what pools do: see proxy_app.observe.pool_metrics."""

    def waited(self, upstream: Upstream, seconds: float) -> None: ...

    def renewed(self, upstream: Upstream, cause: str) -> None: ...

    def let_go(self, upstream: Upstream, seconds: float) -> None: ...

    def circuit(self, upstream: Upstream, state: str) -> None: ...

    def stream(self, opened: bool, outcome: str, seconds: float) -> None: ...

    def stream_refused(self) -> None: ...


class House:
    """What the pools of a process have in common."""

    def __init__(self, rules: HouseRules, guard: AddressGuard) -> None:
        self.rules = rules
        self.guard = guard
        self.crowd = Crowd(rules.max_pending)
        self.slots = Slots(
            rules.max_connections,
            max_waiting=rules.max_pending,
            share_limit=share_of(rules.max_connections, rules.share_percent),
            crowd=self.crowd,
        )
        self.shelf = Shelf(max_open=rules.max_connections, max_idle=rules.max_keepalive_connections)
        self.abandoned = AbandonedCalls()
        self.streams = 0
        self.listeners: list[Listener] = []

    @property
    def has_too_many_streams(self) -> bool:
        """Known only after the fact, of upstreams that choose by themselves whether to stream."""
        return self.streams > self.rules.max_streams


class Generation:
    """The connections of a pool from one renewal to the next."""

    def __init__(self, number: int, transport: AiohttpTransport) -> None:
        self.number = number
        self.transport = transport
        self.calls: set[Call] = set()  # those that hold a slot
        self.began_at = time.time()
        self.cut_at: float | None = None  # when it must be empty, once it is replaced
        self.event: EventTold | None = None  # of its end

    @property
    def owned(self) -> int:
        return sum(not call.over for call in self.calls)

    @property
    def leaked(self) -> int:
        """Slots and connections in use that belong to no call under way."""
        owned = self.owned
        return max(len(self.calls) - owned, self.transport.busy - owned, 0)


class Pool:
    """Sends calls to one upstream. Everything here runs on the event loop."""

    def __init__(self, upstream: Upstream, rules: Rules, house: House) -> None:
        self.upstream = upstream
        self.base = rules
        self.rules = rules.with_options(upstream.options)
        self.house = house
        self.figures = Figures()
        self.health = Health()
        self.breaker = Breaker(self.rules.breaking, self._circuit_changed)
        self.in_flight = 0
        self.used_at = time.monotonic()
        self.retries = Retries(house.rules.retry_percent, house.rules.retry_max)
        self.last_check: CheckTold | None = None
        self.events: deque[EventTold] = deque(maxlen=EVENTS_KEPT)
        limits = self.rules.limits
        own = Slots(
            limits.max_connections,
            max_waiting=limits.max_pending,
            share_limit=share_of(limits.max_connections, house.rules.share_percent),
            crowd=house.crowd,
        )
        self.slots = SharedSlots(own, house.slots)
        self.generation = Generation(1, self._new_transport())
        self.draining: list[Generation] = []
        self._turns_before = self._opened_before = 0
        self._timeouts_given: Any = None
        self._timeouts_made = self.rules.timeouts
        self._renewed_at = float("-inf")
        self._closed = False

    # --- Sending --------------------------------------------------------------------------------------------------

    async def send(self, request: httpx.Request) -> httpx.Response:
        asked = request.extensions
        timeouts = self._timeouts(asked.get("timeout"))
        outgoing, upload = outgoing_of(request, timeouts)
        call = Call(self, asked.get("share", ""), timeouts.total)
        self._admit(call, asked)
        try:
            await self._take_slot(call, timeouts.pool)
            if self.generation.transport.closed and not self._closed:
                self.renew("closed", "its connections were closed from elsewhere")
            generation = self.generation
            call.admitted(generation)
            response = await generation.transport.exchange(request, outgoing, upload, timeouts, call)
        except BaseException as exc:
            call.released()
            call.ended(Outcome.ABANDONED if isinstance(exc, asyncio.CancelledError) else Outcome.FAILED, exc)
            raise
        self._answering(call, response)
        return response

    def _timeouts(self, given: Any) -> Timeouts:
        """Most calls to one upstream say the same about time, with the very same object."""
        if given is not self._timeouts_given:
            self._timeouts_given, self._timeouts_made = given, timeouts_of(given, self.rules.timeouts)
        return self._timeouts_made

    def _admit(self, call: Call, asked: dict[str, Any]) -> None:
        house, figures = self.house, self.figures
        if asked.get("streams") and house.streams >= house.rules.max_streams:
            figures.refused["stream_cap"] += 1
            for listener in house.listeners:
                listener.stream_refused()
            raise StreamCap("too many streams are open")
        try:
            call.finds_out = self.breaker.admit(call.began, forced=asked.get("check", False))
        except CircuitOpen:
            figures.refused["circuit_open"] += 1
            raise
        figures.calls += 1
        self.retries.called()
        self.used_at = call.began
        self.in_flight += 1

    async def _take_slot(self, call: Call, timeout_s: float | None) -> None:
        if self.slots.try_acquire(call.share):
            return
        try:
            await self.slots.acquire(timeout_s, call.share)
        except (TimeoutError, QueueFull) as exc:
            full = ShareFull if self.slots.own.is_full_for(call.share) else httpx.PoolTimeout
            raise full("no connection became free in time") from exc
        finally:
            waited_s = time.monotonic() - call.began
            self.figures.wait.add(waited_s)
            for listener in self.house.listeners:
                listener.waited(self.upstream, waited_s)

    def _answering(self, call: Call, response: httpx.Response) -> None:
        """The headers are here."""
        now = time.monotonic()
        call.status = response.status_code
        self.figures.first_byte.add(now - (call.sent_at or now))
        if call.finds_out and not self.rules.breaking.blames(call.status):
            self.breaker.succeeded(probe=True)
            call.finds_out = False
        if isinstance(response.stream, IncomingStream) and response.stream.is_events:
            call.streams, call.total_s = True, None
            self.house.streams += 1
            for listener in self.house.listeners:
                listener.stream(True, "", 0.0)

    # --- The end of a call ----------------------------------------------------------------------------------------

    def settle(self, call: Call, outcome: Outcome, exc: BaseException | None) -> None:
        """Called once for every call that was let in."""
        now = time.monotonic()
        self.in_flight -= 1
        self.figures.bytes_in += call.wire.heard if call.wire is not None else 0
        late = call.total_s is not None and now - call.began >= call.total_s - DEADLINE_SLACK_S
        if outcome is Outcome.ANSWERED:
            self.figures.answered += 1
            self.figures.total.add(now - call.began)
            self._answered(call, now)
        elif outcome is Outcome.ABANDONED and not late:
            self.breaker.let_go(probe=call.finds_out)
            self._abandoned(call, now)
        elif isinstance(exc, httpx.PoolTimeout) or call.slot_at is None:
            self.breaker.let_go(probe=call.finds_out)
            self.figures.refused["upstream_pool_full"] += 1
        else:
            self._failed(call, now, "timeout" if late and outcome is Outcome.ABANDONED else exc)
        if call.streams:
            self._stream_ended(call, now, outcome)

    def _answered(self, call: Call, now: float) -> None:
        """An error is counted as one. Whether it is the upstream's own, or of what it serves, its rules say."""
        failure = f"http_{call.status}" if call.status >= 500 else ""
        if failure:
            self.figures.errors[failure] += 1
        self._judge(call, now, failure if self.rules.breaking.blames(call.status) else "")

    def _failed(self, call: Call, now: float, what: str | BaseException | None) -> None:
        kind = what if isinstance(what, str) else type(what).__name__
        self.figures.errors[kind] += 1
        if isinstance(what, httpx.TransportError | str) and not isinstance(what, NOT_ITS_FAULT):
            self._judge(call, now, kind)
        else:
            self.breaker.let_go(probe=call.finds_out)

    def _judge(self, call: Call, now: float, failure: str) -> None:
        if not failure:
            self.health.good()
            self.breaker.succeeded(probe=call.finds_out)
            return
        self.health.bad(failure)
        self.breaker.failed(now, failure, probe=call.finds_out)

    def _abandoned(self, call: Call, now: float) -> None:
        self.figures.abandoned += 1
        after_s = now - call.began
        usual_s = self.figures.total.quantile(0.5)
        record = Abandoned(
            key=self.upstream.key,
            upstream=self.upstream.name,
            phase=call.phase,
            left_at=time.time(),
            after_s=after_s,
            bytes_heard=call.wire.heard if call.wire is not None else 0,
            saved_s=None if usual_s is None else max(0.0, usual_s - after_s),
        )
        self.house.abandoned.add(record)
        if call.wire is None or not call.wire.closing:  # nothing was opened, or what was is whole and serves others
            self._let_go(record)
        else:
            call.wire.on_lost = partial(self._let_go, record)

    def _let_go(self, record: Abandoned) -> None:
        seconds = self.house.abandoned.closed(record)
        for listener in self.house.listeners:
            listener.let_go(self.upstream, seconds)

    def _stream_ended(self, call: Call, now: float, outcome: Outcome) -> None:
        self.house.streams -= 1
        for listener in self.house.listeners:
            listener.stream(False, outcome, now - call.began)

    def _circuit_changed(self, state: Circuit, why: str) -> None:
        self.note("circuit", state, why)
        if state is Circuit.OPEN:
            self.health.cut_off(why)
            if not why.startswith("http_"):  # what answers with an error has no trouble with its connections
                self.renew_soon("unhealthy", why)
        elif state is Circuit.CLOSED:
            self.health.back()
        for listener in self.house.listeners:
            listener.circuit(self.upstream, state)

    # --- Generations ----------------------------------------------------------------------------------------------

    def renew_soon(self, cause: str, why: str) -> None:
        """`renew`, unless that was done a moment ago."""
        if time.monotonic() - self._renewed_at >= RENEW_AGAIN_AFTER_S:
            self.renew(cause, why)

    def renew(self, cause: str, why: str = "", *, who: str = "") -> EventTold:
        """Open a new generation. The old one serves what it has begun, and is closed when that is over."""
        old = self.generation
        event = self.note(cause, "renewed", why)
        event |= {"generation": old.number + 1, "who": who, "under_way": old.owned, "outcome": "draining"}
        self._renewed_at = time.monotonic()
        self.generation = Generation(old.number + 1, self._new_transport())
        old.event, old.cut_at = event, self._renewed_at + self.house.rules.drain_s
        self._write_off(old)
        old.transport.close_idle()
        self.draining.append(old)
        for listener in self.house.listeners:
            listener.renewed(self.upstream, cause)
        return event

    def recreate(self, who: str = "", cause: str = "manual") -> EventTold:
        """`renew`, because somebody wants it: whatever was held against the upstream is forgotten."""
        self.breaker.reset()
        return self.renew(cause, "asked for", who=who)

    def asked(self, times: int) -> None:
        """It was asked for here, so that it is no news when the row tells of it; -1 when the row will not."""
        self.upstream = replace(self.upstream, epoch=self.upstream.epoch + times)

    def set_up(self, upstream: Upstream) -> None:
        """The row was changed: new limits count at once, the rest with a new generation."""
        self.upstream = upstream
        self.rules = self.base.with_options(upstream.options)
        self._timeouts_given, self._timeouts_made = None, self.rules.timeouts
        limits = self.rules.limits
        self.slots.own.resize(
            limits.max_connections,
            max_waiting=limits.max_pending,
            share_limit=share_of(limits.max_connections, self.house.rules.share_percent),
        )
        self.breaker.rules = self.rules.breaking
        self.breaker.reset()
        self.health = Health()
        self.renew("config", "its settings were changed")

    async def drain(self, now: float) -> None:
        """Close the former generations that are empty, or have had their time."""
        for old in tuple(self.draining):
            owned = old.owned
            if owned and old.cut_at is not None and now < old.cut_at:
                continue
            self.draining.remove(old)
            self._opened_before += old.transport.opened
            self._turns_before += old.transport.turns
            if old.event:
                old.event["outcome"] = f"cut with {owned} calls under way" if owned else "drained"
                old.event["ended_at"] = time.time()
            await old.transport.aclose()
            self._write_off(old)

    def note(self, cause: str, action: str, why: str) -> EventTold:
        event: EventTold = {
            "at": time.time(),
            "cause": cause,
            "action": str(action),
            "why": why,
            "generation": self.generation.number,
            "who": "",
            "under_way": 0,
            "outcome": "",
            "ended_at": None,
        }
        self.events.append(event)
        return event

    def _write_off(self, old: Generation) -> None:
        """Slots nobody owns any more are free again: the connections they stood for go with their generation."""
        for call in tuple(old.calls):
            if call.over:
                call.released()

    def _new_transport(self) -> AiohttpTransport:
        return AiohttpTransport(
            limits=self.rules.limits,
            timeouts=self.rules.timeouts,
            guard=self.house.guard,
            tls=partial(tls.context_for, self.upstream.options),
            shelf=self.house.shelf,
        )

    # --- What others look at --------------------------------------------------------------------------------------

    @property
    def opened(self) -> int:
        return self._opened_before + sum(one.transport.opened for one in (self.generation, *self.draining))

    @property
    def turns(self) -> int:
        return self._turns_before + sum(one.transport.turns for one in (self.generation, *self.draining))

    @property
    def idle(self) -> int:
        return sum(one.transport.idle for one in (self.generation, *self.draining))

    async def aclose(self) -> None:
        self._closed = True
        for one in (self.generation, *self.draining):
            await one.transport.aclose()
            self._write_off(one)
        self.draining.clear()


def share_of(limit: int, percent: int) -> int:
    """How many of the slots one share may hold: never all but the last."""
    return max(1, limit * percent // 100)
