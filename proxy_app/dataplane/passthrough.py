"""Proxy routes: /proxy/{id or slug}/... is passed on to the route's upstream, and its answer back, to the byte."""

import asyncio
import logging
from contextlib import aclosing

from auth_app.actor import Actor
from auth_app.policy import require_to
from gatewaysite.bodies import ClientLeft
from gatewaysite.context import Phase, RequestContext
from gatewaysite.context import current as context
from gatewaysite.db.failures import as_refusal
from gatewaysite.errors import GatewayError, MethodNotAllowed, NotFound
from gatewaysite.middleware import request_id_from
from gatewaysite.phases import during
from gatewaysite.types import Receive, Scope, Send
from proxy_app.dataplane.caller import caller, note_denial
from proxy_app.dataplane.http import Headers, header_dict, leaving_cancels, respond_error
from proxy_app.dataplane.origin import check_origin
from proxy_app.dataplane.proxy import request
from proxy_app.dataplane.proxy.passage import Answer, Passage
from proxy_app.observe.metrics import count_refusal
from proxy_app.proxy_rules import BadPath
from proxy_app.ratelimits.admission import Admitted, admission
from proxy_app.snapshot.entries import RouteEntry
from proxy_app.snapshot.keeper import found
from proxy_app.upstream.errors import UpstreamTimeout
from proxy_app.upstream.passing import RawHeaders

log = logging.getLogger(__name__)


async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Every error ends here, in the gateway's JSON shape."""
    headers = header_dict(scope)
    request_id = request_id_from(headers.get(b"x-request-id", b"").decode("latin1"))
    context.set(RequestContext(request_id=request_id, route="proxy"))
    visit = Visit(scope, receive, send, headers, request_id)
    try:
        check_origin(headers)
        actor = visit.actor = await caller(scope, headers)
        visit.admitted = await admission.admit(actor.rates)
        await visit.pass_on(actor)
    except ClientLeft:
        return
    except Exception as error:
        await visit.refuse(error)


async def odd_target(scope: Scope, receive: Receive, send: Send) -> None:
    """A request whose target is no path: a whole URL, or the host of a CONNECT. We are nobody's forward proxy."""
    if scope["method"] == "CONNECT":
        await respond_error(send, MethodNotAllowed(allowed=()))
    else:
        await respond_error(send, BadPath())


class Visit:
    """One HTTP request being answered: where the answer goes, and whether it has begun."""

    actor: Actor | None = None

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[bytes, bytes], request_id: str
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.headers = headers
        self.request_id = request_id
        self._own_headers: Headers = ((b"x-request-id", request_id.encode()),)
        self.admitted = Admitted(admission)
        self._begun = False

    async def pass_on(self, actor: Actor) -> None:
        scope, headers = self.scope, self.headers
        key, rest = request.split(scope.get("raw_path") or scope["path"].encode())
        route = await _route(actor, key)
        method, query = scope["method"], scope["query_string"]
        request.check_use(route, method, query, headers)
        passage = Passage(route, method, rest, query, actor=actor, request_id=self.request_id, admitted=self.admitted)
        try:
            if (total_s := route.timeouts.get("total")) is None:
                await self._exchange(passage)
            else:
                await self._exchange_within(total_s, passage)
        except (ClientLeft, asyncio.CancelledError):  # some servers cancel the task themselves when the client leaves
            passage.outcome = "client_left"
            raise
        except GatewayError as error:
            passage.outcome = error.code
            passage.status = passage.status or error.status
            raise
        except BaseException:
            passage.outcome = "bug"
            raise
        finally:
            passage.ended()

    async def _exchange_within(self, seconds: float, passage: Passage) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._exchange(passage)
        except TimeoutError as error:
            raise UpstreamTimeout("All of it took longer than this route allows.") from error

    async def _exchange(self, passage: Passage) -> None:
        headers = self.headers
        passed = request.headers_for(
            passage.route,
            self.scope["headers"],
            request.named_by_connection(headers),
            request.forwarded(self.scope, headers, self.request_id),
        )
        body = await request.body_of(passage.route, headers, self.receive)
        with leaving_cancels(self.receive, body if isinstance(body, request.Streamed) else None):
            answer = await passage.send(passed, body)
            try:
                await self._answer(passage, answer)
            finally:
                answer.close()

    async def _answer(self, passage: Passage, answer: Answer) -> None:
        passage.status = answer.status
        start = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [*self._passed(answer), *self._own_headers],
        }
        whole = answer.whole()
        self._begun = True
        await self.send(start)
        if whole is None:
            with during(Phase.STREAM):
                await self._relay(passage, answer)
            whole = b""
        passage.response_bytes += len(whole)
        await self.send({"type": "http.response.body", "body": whole})

    def _passed(self, answer: Answer) -> RawHeaders:
        """The upstream's headers, and of rate limits only ours, where there are any."""
        limits = self.admitted.headers()
        if not limits:
            return answer.headers
        return [*(pair for pair in answer.headers if not pair[0].startswith(b"x-ratelimit-")), *limits]

    async def _relay(self, passage: Passage, answer: Answer) -> None:
        """A piece is asked for when the one before is on its way: who reads slowly slows the upstream down."""
        async with aclosing(answer.pieces()) as pieces:
            async for piece in pieces:
                await self.send({"type": "http.response.body", "body": piece, "more_body": True})
                passage.response_bytes += len(piece)

    async def refuse(self, error: Exception) -> None:
        """Answer with an error. One that we do not know is a bug: logged here, told without detail."""
        error = as_refusal(error) or error
        note_denial(error, self.actor, self.scope)
        known = error if isinstance(error, GatewayError) else GatewayError("Internal error")
        if known is not error:
            log.error("bug in the data plane", exc_info=error)
        if self._begun:
            # Nothing whole can be said any more. Without its end the answer is visibly broken: the server closes.
            log.info("an answer was broken off", extra={"code": known.code})
            return
        if known.reason:
            count_refusal(known, "data")
        await respond_error(self.send, known, (*self._own_headers, *self.admitted.headers()))


async def _route(actor: Actor, key: str) -> RouteEntry:
    route = await found(lambda snapshot: snapshot.registry.route(actor, key))
    if route is None:
        raise NotFound("Route not found", sought=("routes", key))
    require_to(actor, "use", route)
    return route
