"""What an operator looks at while something is wrong: answered from memory, so it works while the database hangs."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from auth_app.policy import may_administer
from gatewaysite.errors import Denied, GatewayError, MethodNotAllowed
from gatewaysite.responses import dump_json
from gatewaysite.types import Receive, Scope, Send
from proxy_app.dataplane.caller import caller
from proxy_app.dataplane.http import header_dict, respond, respond_error
from proxy_app.observe.board import board
from proxy_app.observe.xray import merged

# Its own thread: the loop's few threads may all wait for a name server. It starts with the first question.
_reader = ThreadPoolExecutor(1, thread_name_prefix="ops")


async def connections(scope: Scope, receive: Receive, send: Send) -> None:
    """The connection X-ray of all processes, for an administrator's token."""
    try:
        if scope["method"] not in {"GET", "HEAD"}:
            raise MethodNotAllowed(allowed=("GET", "HEAD"))
        if not may_administer(await caller(header_dict(scope))):
            raise Denied("Access denied: only administrators may see who holds the connections")
    except GatewayError as error:
        await respond_error(send, error)
        return
    await respond(send, 200, await asyncio.get_running_loop().run_in_executor(_reader, _read))


def _read() -> bytes:
    return dump_json(merged(board.parts()))
