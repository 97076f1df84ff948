"""The control plane: Django's whole synchronous chain, middleware to template, in one hop on a bounded executor.

Django's own ASGIHandler hops between the loop and a fresh thread for every layer and every request; here a request
takes one thread of a small pool, or waits for one, or is refused at once.
"""

import asyncio
import contextvars
import io
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

from django.conf import settings
from django.core import signals
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.db import close_old_connections, reset_queries
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from gatewaysite import context
from gatewaysite.bodies import ClientLeft, read_body
from gatewaysite.db import ledger
from gatewaysite.db.units import return_leftovers
from gatewaysite.errors import Refused, TooLarge, TooSlow
from gatewaysite.phases import during
from gatewaysite.responses import plain_error
from gatewaysite.signals import refused
from gatewaysite.types import Receive, Scope, Send

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# With slow statements in front a line of hundreds is minutes; whoever waited so long for a thread is told to come back.
WAIT_WITHIN_S = 10.0
# One thread, so that checking passwords, at 50 ms and 100 MB each, takes one core of a worker at most.
SLOW_MAX_WAITING = 20
# Two, so that one page of an operator does not wait for another's.
SPARE_THREADS = 2


class ControlPlaneBusy(Refused):
    """Every control-plane thread is busy; try again shortly."""

    reason = "control_plane_full"


class Line:
    """Some threads, and the requests that have one or wait for one."""

    def __init__(self, name: str, threads: int, max_waiting: int) -> None:
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix=f"control-plane-{name}")
        self.threads = threads
        self.limit = threads + max_waiting
        self.inside = 0


class ControlPlane(ASGIHandler):
    """Threads start with the first request, never before a fork."""

    def __init__(
        self,
        *,
        threads: int,
        max_waiting: int,
        line_of: Callable[[Scope], str] = lambda scope: "main",
        after_write: Callable[[], Awaitable[None]] | None = None,
        wait_within_s: float = WAIT_WITHIN_S,
    ) -> None:
        """`line_of` says where a request belongs: "main"; "waiting" if its view waits for somebody else; "slow" if it
        computes for long; "files"; "spare" if it must be answered while all others hang. They cannot starve each other.
        `after_write` is awaited, with nothing held, before an answer to what may have written.
        """
        # Not ASGIHandler.__init__, which would load the middleware for async use.
        self.load_middleware(is_async=False)
        _leave_connections_to_the_engine()
        self._line_of = line_of
        self._lines = {
            "main": Line("main", threads, max_waiting),
            "waiting": Line("waiting", threads, max_waiting),
            "slow": Line("slow", 1, SLOW_MAX_WAITING),
            "files": Line("files", 1, max_waiting),
            "spare": Line("spare", SPARE_THREADS, max_waiting),
        }
        self._after_write = after_write
        self._wait_within_s = wait_within_s

    @property
    def inside(self) -> int:
        """Requests that have a thread or wait for one."""
        return sum(line.inside for line in self._lines.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        line = self._lines[self._line_of(scope)]
        try:
            body = await read_body(receive, settings.BODY_LIMIT_BYTES)
            response = await self._answer(scope, io.BytesIO(body), line)
        except ClientLeft:
            return
        except (TooLarge, TooSlow, ControlPlaneBusy) as error:
            await self.send_response(plain_error(error, scope["path"]), send, line)
            return
        try:
            if self._after_write and scope["method"] not in SAFE_METHODS:
                await self._after_write()
            await self.send_response(response, send, line)
        finally:
            # Ends the request for Django. It needs no thread: nothing is held by now.
            response.close()

    async def _answer(self, scope: Scope, body: io.BytesIO, line: Line) -> HttpResponseBase:
        """Run the chain on a thread. When the client leaves meanwhile, the thread finishes its unit and cleans up.

        Raises ControlPlaneBusy when the line is full, or no thread became free in time.
        """
        if line.inside >= line.limit:
            raise _busy()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[HttpResponseBase] = loop.create_future()
        # Two futures: the executor's knows whether the work runs, the loop's may be cancelled at any time.
        wait = _listed_wait(scope) if line.inside >= line.threads else None
        work = line.executor.submit(contextvars.copy_context().run, self._run, scope, body, wait)
        line.inside += 1
        work.add_done_callback(lambda work: loop.call_soon_threadsafe(_deliver, work, answer, line))
        patience = loop.call_later(self._wait_within_s, _stop_waiting, work, answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if not work.cancel():
                work.add_done_callback(_close_unsent)
            raise
        finally:
            patience.cancel()
            if wait:
                ledger.end_wait(wait)

    def _run(self, scope: Scope, body: io.BytesIO, wait: ledger.Entry | None = None) -> HttpResponseBase:
        if wait:
            ledger.end_wait(wait)
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request: ASGIRequest | None
        request, failure = self.create_request(scope, body)
        if request is None:
            return failure or HttpResponse(status=400)
        try:
            return self.get_response(request)
        finally:
            # Django's own clean-up at the end of a request runs on the loop and finds nothing of this thread's.
            return_leftovers()

    async def send_response(self, response: HttpResponseBase, send: Send, line: Line) -> None:  # type: ignore[override]
        """As Django does, but what is whole goes out whole, and a stream's chunks are made on the line's threads.

        Django cuts a body into pieces of 64 kB, each a write of its own.
        """
        headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in response.items()]
        headers += [(b"Set-Cookie", cookie.output(header="").strip().encode()) for cookie in response.cookies.values()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        if not response.streaming:
            await send({"type": "http.response.body", "body": cast("HttpResponse", response).content})
            return
        context.current.set(getattr(response, "request_context", None))
        chunks = iter(cast("Iterator[bytes]", response))
        phase = getattr(response, "makes_chunks_in", context.Phase.STREAM)
        while (chunk := await self._next(chunks, phase, line)) is not None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})

    async def _next(self, chunks: Iterator[bytes], phase: context.Phase, line: Line) -> bytes | None:
        run = contextvars.copy_context().run
        making = asyncio.wrap_future(line.executor.submit(run, _make_chunk, chunks, phase))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            # Whoever streams can be closed only once it rests.
            await asyncio.wait([making])
            raise

    def close(self) -> None:
        """Let running requests finish their units, and stop the threads."""
        for line in self._lines.values():
            line.executor.shutdown(wait=True, cancel_futures=True)


def _listed_wait(scope: Scope) -> ledger.Entry:
    """In the list of those who wait. The route is not known yet; the path, without its query, says more to a person."""
    return ledger.begin_wait(context.RequestContext(request_id="", route=scope["path"]))


def _make_chunk(chunks: Iterator[bytes], phase: context.Phase) -> bytes | None:
    try:
        with during(phase):
            chunk = next(chunks, None)
        with during(context.Phase.STREAM):  # it is on its way from here on, and nothing may be held
            return chunk
    finally:
        return_leftovers()


def _deliver(work: "Future[HttpResponseBase]", answer: "asyncio.Future[HttpResponseBase]", line: Line) -> None:
    """What asyncio.wrap_future under a shield does, in one call from the thread to the loop."""
    line.inside -= 1
    if answer.done():  # the client has left, or was told to come back
        return
    if work.cancelled():  # by `close`, before its turn came
        answer.cancel()
    elif error := work.exception():
        answer.set_exception(error)
    else:
        answer.set_result(work.result())


def _stop_waiting(work: "Future[HttpResponseBase]", answer: "asyncio.Future[HttpResponseBase]") -> None:
    if work.cancel() and not answer.done():  # what runs already runs to its end
        answer.set_exception(_busy())


def _busy() -> ControlPlaneBusy:
    busy = ControlPlaneBusy()
    refused.send(sender=ControlPlaneBusy, error=busy)
    return busy


def _close_unsent(work: "Future[HttpResponseBase]") -> None:
    if not work.cancelled() and work.exception() is None:
        work.result().close()


def _leave_connections_to_the_engine() -> None:
    """Django looks at every connection when a request begins and ends. Ours are given back by then, and were looked at.

    It took 7 % of a list's CPU time. With DEBUG the log of queries is still emptied.
    """
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    if not settings.DEBUG:
        signals.request_started.disconnect(reset_queries)
