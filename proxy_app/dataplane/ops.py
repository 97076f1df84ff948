"""What an operator looks at while something is wrong: answered from memory, so it works while the database hangs."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps

from auth_app.actor import Actor
from auth_app.policy import require
from auth_app.stamps import Stamp, address_of
from gatewaysite.errors import GatewayError, MethodNotAllowed, NotFound
from gatewaysite.middleware import request_id_from
from gatewaysite.responses import dump_json
from gatewaysite.types import AsgiApp, Receive, Scope, Send
from proxy_app.dataplane.caller import caller, note_denial
from proxy_app.dataplane.http import header_dict, respond, respond_error
from proxy_app.observe.board import board
from proxy_app.observe.upstreams import everywhere, here, recreate
from proxy_app.observe.xray import merged

# Its own thread: the loop's few threads may all wait for a name server. It starts with the first question.
_reader = ThreadPoolExecutor(1, thread_name_prefix="ops")

RECREATE = re.compile(r"/ops/upstreams/(?P<key>[^/]+)/recreate")


type Answering = Callable[[Scope, Actor], Awaitable[bytes]]


def permitted(permission: str, *methods: str) -> Callable[[Answering], AsgiApp]:
    """An endpoint that answers with JSON, for tokens that have the permission everywhere."""

    def endpoint_of(answering: Answering) -> AsgiApp:
        async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                if scope["method"] not in methods:
                    raise MethodNotAllowed(allowed=methods)
                actor = await caller(scope, header_dict(scope))
                require(actor, permission)
                body = await answering(scope, actor)
            except GatewayError as error:
                note_denial(error, None, scope)
                await respond_error(send, error)
                return
            await respond(send, 200, body)

        return wraps(answering)(endpoint)

    return endpoint_of


@permitted("connections.read", "GET", "HEAD")
async def connections(scope: Scope, actor: Actor) -> bytes:
    """The connection X-ray of all processes."""
    return await _on_reader(lambda: merged(board.parts()))


@permitted("upstreams.read", "GET", "HEAD")
async def upstreams(scope: Scope, actor: Actor) -> bytes:
    """How every upstream is, as all processes of this machine know it."""
    return await _on_reader(partial(everywhere, here()))


@permitted("upstreams.recreate", "POST")
async def recreate_upstream(scope: Scope, actor: Actor) -> bytes:
    """New connections to one upstream; the old ones end what they have begun."""
    found = RECREATE.fullmatch(scope["path"])
    recreated = await recreate(found["key"], _stamp_of(scope, actor)) if found else None
    if recreated is None:
        raise NotFound("Upstream not found")
    return dump_json(recreated)


def _stamp_of(scope: Scope, actor: Actor) -> Stamp:
    headers, client = header_dict(scope), scope.get("client")
    return Stamp(
        email=actor.email,
        ip=address_of(client[0]) if client else None,
        request_id=request_id_from(headers.get(b"x-request-id", b"").decode("latin1")),
    )


async def _on_reader(read: Callable[[], object]) -> bytes:
    return await asyncio.get_running_loop().run_in_executor(_reader, lambda: dump_json(read()))
