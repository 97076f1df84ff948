"""What an operator looks at while something is wrong: answered from memory, so it works while the database hangs."""

import asyncio

from gatewaysite.errors import Denied, GatewayError, MethodNotAllowed
from gatewaysite.responses import dump_json
from gatewaysite.types import Receive, Scope, Send
from proxy_app.dataplane.caller import caller
from proxy_app.dataplane.http import header_dict, respond, respond_error
from proxy_app.observe.board import board
from proxy_app.observe.xray import merged


async def connections(scope: Scope, receive: Receive, send: Send) -> None:
    """The connection X-ray of all processes, for an administrator's token."""
    try:
        if scope["method"] not in {"GET", "HEAD"}:
            raise MethodNotAllowed(allowed=("GET", "HEAD"))
        actor = await caller(header_dict(scope))
        if not actor.is_admin:
            raise Denied
    except GatewayError as error:
        await respond_error(send, error)
        return
    # On a thread: it reads the neighbours' files.
    await respond(send, 200, await asyncio.to_thread(lambda: dump_json(merged(board.parts()))))
