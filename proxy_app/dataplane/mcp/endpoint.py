"""MCP over streamable HTTP: /mcp for all the caller may use, /servers/{id or slug}/mcp for one virtual server.

/meta/mcp is /mcp for who would be shown too many tools: three with which the others are found and called.
"""

import asyncio
import logging
from contextlib import aclosing

from django.conf import settings

from auth_app.actor import Actor
from auth_app.oauth.resources import resource_at
from auth_app.policy import require_to
from gatewaysite.bodies import ClientLeft, read_body
from gatewaysite.context import Phase, RequestContext
from gatewaysite.context import current as context
from gatewaysite.db.failures import as_refusal
from gatewaysite.errors import GatewayError, MethodNotAllowed, NotFound, UnsupportedMediaType
from gatewaysite.middleware import request_id_from
from gatewaysite.phases import during
from gatewaysite.responses import error_headers
from gatewaysite.types import Receive, Scope, Send
from proxy_app.dataplane.caller import caller, note_denial
from proxy_app.dataplane.challenge import challenge, check_query, check_scope
from proxy_app.dataplane.http import JSON, Headers, header_dict, leaving_cancels, respond
from proxy_app.dataplane.mcp.call import Relay
from proxy_app.dataplane.mcp.envelope import Request, read_message
from proxy_app.dataplane.mcp.eras import check_era
from proxy_app.dataplane.mcp.exchange import Exchange
from proxy_app.dataplane.mcp.methods import answer
from proxy_app.dataplane.origin import PREFLIGHT, check_origin, readable_by_page
from proxy_app.dataplane.rpc_errors import INTERNAL_ERROR, RpcError, as_rpc_error, error_answer, result_answer
from proxy_app.observe.metrics import count_refusal
from proxy_app.ratelimits.admission import Admitted, admission
from proxy_app.snapshot.entries import ServerEntry
from proxy_app.snapshot.keeper import current, found

EVENT_STREAM = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
)
log = logging.getLogger(__name__)


async def everything(scope: Scope, receive: Receive, send: Send) -> None:
    """Every tool the caller may use."""
    await serve(scope, receive, send, route="mcp")


async def everything_searched(scope: Scope, receive: Receive, send: Send) -> None:
    """The same tools, by way of `meta`."""
    await serve(scope, receive, send, route="meta-mcp", searching=True)


async def one_server(scope: Scope, receive: Receive, send: Send) -> None:
    """The tools of one virtual server. An unknown one is 404, never everything."""
    await serve(scope, receive, send, route="server-mcp", server_key=scope["path"].split("/")[2])


async def serve(
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    route: str,
    server_key: str | None = None,
    streams: bool = True,
    searching: bool = False,
) -> None:
    """Answer one HTTP request. Every error ends here, in the shape of JSON-RPC."""
    headers = header_dict(scope)
    request_id = request_id_from(headers.get(b"x-request-id", b"").decode("latin1"))
    context.set(RequestContext(request_id=request_id, route=route))
    visit = Visit(scope, send, ((b"x-request-id", request_id.encode()),), streams=streams)
    try:
        check_origin(headers)
        visit.headers = (*visit.headers, *readable_by_page(headers))
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await respond(send, 204, headers=[*visit.headers[1:], *PREFLIGHT])
            return
        check_query(scope)
        resource = resource_at(scope["path"])
        actor = visit.actor = await caller(scope, headers, for_a_server=server_key is not None, resource=resource)
        if scope["method"] != "POST":
            raise MethodNotAllowed("Only POST is answered here.", allowed=("POST",))
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
            raise UnsupportedMediaType
        request = read_message(await read_body(receive, settings.BODY_LIMIT_BYTES))
        visit.request = request
        visit.admitted = await admission.admit(actor.rates)
        modern = request is not None and check_era(request, headers)
        if request is not None:
            check_scope(actor, request.method)
        server = await _server(actor, server_key)
        if request is None or request.id is None:
            await respond(send, 202, headers=[*visit.headers, *visit.admitted.headers()])
            return
        exchange = Exchange(
            request, current().registry, server, modern, headers,
            actor=actor, request_id=request_id, admitted=visit.admitted,
            searching=searching or (server is not None and server.searched),
        )  # fmt: skip
        await visit.answer(exchange, receive)
    except ClientLeft:
        return
    except Exception as error:
        await visit.refuse(error)


async def _server(actor: Actor, key: str | None) -> ServerEntry | None:
    if key is None:
        return None
    server = await found(lambda snapshot: snapshot.registry.server(actor, key))
    if server is None or actor.scope.server_id not in (None, server.id):
        raise NotFound("Server not found", sought=("servers", key))
    require_to(actor, "use", server)
    return server


class Visit:
    """One HTTP request being answered: where the answer goes, and whether it has begun."""

    def __init__(self, scope: Scope, send: Send, headers: Headers, *, streams: bool) -> None:
        self.scope = scope
        self.send = send
        self.headers: tuple[tuple[bytes, bytes], ...] = (JSON, *headers)
        self.streams = streams
        self.actor: Actor | None = None
        self.request: Request | None = None
        self.admitted = Admitted(admission)
        self._begun = False

    async def answer(self, exchange: Exchange, receive: Receive) -> None:
        """Answer an exchange, and let it be recorded however it ends."""
        assert exchange.request.id is not None  # noqa: S101 (notifications were answered before)
        try:
            with leaving_cancels(receive):
                outcome = await answer(exchange)
                if isinstance(outcome, Relay) and self.streams:
                    await self._relay(outcome)
                    return
                result = await outcome.result() if isinstance(outcome, Relay) else outcome
            await respond(
                self.send, 200, result_answer(exchange.request.id, result), [*self.headers, *self.admitted.headers()]
            )
        except (ClientLeft, asyncio.CancelledError):  # some servers cancel the task themselves when the client leaves
            exchange.outcome = "client_left"
            raise
        except GatewayError as error:
            exchange.outcome = error.code
            raise
        except RpcError as error:
            exchange.outcome = "rpc_error" if exchange.outcome == "ok" else exchange.outcome
            raise error
        except BaseException:
            exchange.outcome = "bug"
            raise
        finally:
            exchange.ended()

    async def _relay(self, relay: Relay) -> None:
        self._begun = True
        await self.send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [*EVENT_STREAM, *self.headers[1:], *self.admitted.headers()],
            }
        )
        with during(Phase.STREAM):
            await self._relay_messages(relay)
        await self.send({"type": "http.response.body", "body": b""})

    async def _relay_messages(self, relay: Relay) -> None:
        async with aclosing(relay.messages()) as messages:
            async for message in messages:
                # JSON may have line breaks between its tokens, and an event's data is a field per line.
                body = b"event: message\ndata: " + message.replace(b"\n", b"\ndata: ") + b"\n\n"
                await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def refuse(self, error: Exception) -> None:
        """Answer with an error. One that we do not know is a bug: logged here, told without detail."""
        error = as_refusal(error) or error
        note_denial(error, self.actor, self.scope)
        known = as_rpc_error(error)
        if known is None:
            log.error("bug in the data plane", exc_info=error)
            known = RpcError(INTERNAL_ERROR, "Internal error", status=500)
        if self._begun:  # nothing whole can be said any more; the server breaks the stream off
            raise error
        extra = list(self.admitted.headers())
        if isinstance(error, GatewayError):
            told = error_headers(error)
            if challenged := challenge(error, self.scope["path"]):
                told["WWW-Authenticate"] = challenged
            extra += [(name.lower().encode(), value.encode()) for name, value in told.items()]
            if error.reason:
                count_refusal(error, "data")
        request_id = self.request.id if self.request else None
        await respond(self.send, known.status, error_answer(request_id, known), [*self.headers, *extra])
