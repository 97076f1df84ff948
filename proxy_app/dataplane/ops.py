"""What an operator looks at while something is wrong: answered from memory, so it works while the database hangs."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from auth_app.actor import Actor
from auth_app.policy import may_administer
from gatewaysite.errors import Denied, GatewayError, MethodNotAllowed, NotFound
from gatewaysite.middleware import request_id_from
from gatewaysite.responses import dump_json
from gatewaysite.types import Receive, Scope, Send
from proxy_app.dataplane.caller import caller
from proxy_app.dataplane.http import header_dict, respond, respond_error
from proxy_app.observe.board import board
from proxy_app.observe.upstreams import everywhere, here, recreate
from proxy_app.observe.xray import merged

# Its own thread: the loop's few threads may all wait for a name server. It starts with the first question.
_reader = ThreadPoolExecutor(1, thread_name_prefix="ops")


RECREATE = re.compile(r"/ops/upstreams/(?P<key>[^/]+)/recreate")


async def connections(scope: Scope, receive: Receive, send: Send) -> None:
    """The connection X-ray of all processes, for an administrator's token."""
    try:
        await _administrator(scope, ("GET", "HEAD"))
    except GatewayError as error:
        await respond_error(send, error)
        return
    await respond(send, 200, await asyncio.get_running_loop().run_in_executor(_reader, _read))


async def upstreams(scope: Scope, receive: Receive, send: Send) -> None:
    """How every upstream is, as all processes of this machine know it, for an administrator's token."""
    try:
        await _administrator(scope, ("GET", "HEAD"))
    except GatewayError as error:
        await respond_error(send, error)
        return
    read = partial(everywhere, here())
    found = await asyncio.get_running_loop().run_in_executor(_reader, read)
    await respond(send, 200, dump_json(found))


async def recreate_upstream(scope: Scope, receive: Receive, send: Send) -> None:
    """New connections to one upstream; the old ones end what they have begun."""
    try:
        actor = await _administrator(scope, ("POST",))
        found = RECREATE.fullmatch(scope["path"])
        given = header_dict(scope).get(b"x-request-id", b"").decode("latin1")
        event = await recreate(found["key"], actor, request_id_from(given)) if found else None
        if event is None:
            raise NotFound("Upstream not found")
    except GatewayError as error:
        await respond_error(send, error)
        return
    await respond(send, 200, dump_json(event))


async def _administrator(scope: Scope, methods: tuple[str, ...]) -> Actor:
    if scope["method"] not in methods:
        raise MethodNotAllowed(allowed=methods)
    actor = await caller(header_dict(scope))
    if not may_administer(actor):
        raise Denied("Access denied: only administrators may see this")
    return actor


def _read() -> bytes:
    return dump_json(merged(board.parts()))
