"""POST /a2a/{name}/invoke and /a2a/invoke: a message to an agent, and its answer as the agent wrote it."""

import logging
import re

from django.conf import settings

from auth_app.actor import Actor
from gatewaysite.bodies import ClientLeft, parse_json, read_body
from gatewaysite.context import RequestContext
from gatewaysite.context import current as context
from gatewaysite.db.failures import as_refusal
from gatewaysite.errors import GatewayError, MethodNotAllowed, UnsupportedMediaType
from gatewaysite.middleware import request_id_from
from gatewaysite.types import Receive, Scope, Send
from gatewaysite.validation import validated
from proxy_app.dataplane.a2a.bodies import Invoke, InvokeById
from proxy_app.dataplane.a2a.invoking import Invocation, agent_for
from proxy_app.dataplane.caller import caller, note_denial
from proxy_app.dataplane.http import JSON, Headers, header_dict, leaving_cancels, respond, respond_error
from proxy_app.dataplane.origin import check_origin
from proxy_app.observe.metrics import count_refusal
from proxy_app.ratelimits.admission import Admitted, admission
from proxy_app.upstream.mcp import Answer

INVOKE = re.compile(r"(?:/v1)?/(?:a2a|agents)/(?:(?P<key>[^/]+)/)?invoke/?")

log = logging.getLogger(__name__)


async def invoke(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Every error ends here, in the gateway's JSON shape."""
    headers = header_dict(scope)
    request_id = request_id_from(headers.get(b"x-request-id", b"").decode("latin1"))
    context.set(RequestContext(request_id=request_id, route="a2a-invoke"))
    visit = Visit(scope, receive, headers, request_id)
    try:
        body = await visit.answer()
    except ClientLeft:
        return
    except Exception as error:
        known = visit.known(error)
        await respond_error(send, known, visit.own_headers())
        return
    await respond(send, 200, body, [JSON, *visit.own_headers()])


class Visit:
    """One HTTP request being answered."""

    def __init__(self, scope: Scope, receive: Receive, headers: dict[bytes, bytes], request_id: str) -> None:
        self.scope = scope
        self.receive = receive
        self.headers = headers
        self.request_id = request_id
        self.actor: Actor | None = None
        self.admitted = Admitted(admission)

    async def answer(self) -> bytes:
        check_origin(self.headers)
        actor = self.actor = await caller(self.scope, self.headers)
        if self.scope["method"] != "POST":
            raise MethodNotAllowed(allowed=("POST",))
        key, asked = await self._read()
        self.admitted = await admission.admit(actor.rates)
        agent = await agent_for(actor, key)
        invocation = Invocation(agent, actor=actor, request_id=self.request_id, admitted=self.admitted)
        with invocation.recorded(), leaving_cancels(self.receive):
            return _written(await invocation.send(asked.parameters))

    async def _read(self) -> tuple[str, Invoke]:
        """Which agent, and what it is told."""
        if self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
            raise UnsupportedMediaType
        body = parse_json(await read_body(self.receive, settings.BODY_LIMIT_BYTES))
        path = INVOKE.fullmatch(self.scope["path"])
        if path and path["key"]:
            return path["key"], validated(Invoke, body)
        asked = validated(InvokeById, body)
        return asked.agent_id, asked

    def known(self, error: Exception) -> GatewayError:
        """The error to answer with. One that we do not know is a bug: logged here, told without detail."""
        error = as_refusal(error) or error
        note_denial(error, self.actor, self.scope)
        if not isinstance(error, GatewayError):
            log.error("bug in the data plane", exc_info=error)
            return GatewayError("Internal error")
        if error.reason:
            count_refusal(error, "data")
        return error

    def own_headers(self) -> Headers:
        return ((b"x-request-id", self.request_id.encode()), *self.admitted.headers())


def _written(answer: Answer) -> bytes:
    """The agent's JSON-RPC answer, its result or error to the byte. Nobody but us saw the id it was asked with."""
    member = b'"result":' + answer.result if answer.result is not None else b'"error":' + (answer.error or b"null")
    return b'{"jsonrpc":"2.0","id":1,' + member + b"}"
