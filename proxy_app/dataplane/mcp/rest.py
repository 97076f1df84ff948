"""tools/call of a REST tool: planned from memory, sent with nothing held, the API's answer told as a tool's result."""

import asyncio
import json
import time
from typing import Any

import msgspec

from proxy_app.dataplane.mcp.exchange import Exchange
from proxy_app.rest.answer import RestAnswer, Result, failed, result_of
from proxy_app.rest.plan import RestPlan
from proxy_app.rest.request import BadArguments, RestRequest, request_of
from proxy_app.upstream import client
from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.errors import UpstreamTimeout, UpstreamUnreachable
from proxy_app.upstream.passing import passing


async def call_rest(exchange: Exchange, plan: RestPlan) -> bytes:
    """The result. What the API says of itself is one, however bad; GatewayError when it could not be asked."""
    try:
        request = request_of(plan, _arguments(exchange))
    except BadArguments as error:
        exchange.outcome = "bad_arguments"
        return _written(exchange, failed(f"Invalid arguments: {error}"))
    if plan.secret is None:
        raise UpstreamUnreachable("The stored credential of this tool cannot be read; set it again.")
    await exchange.admitted.count(plan.rates)
    began = time.perf_counter()
    answer = await _asked(plan, plan.secret, request, exchange.actor.share[1])
    exchange.upstream_s = time.perf_counter() - began
    result = result_of(plan, answer)
    if result.get("isError"):
        exchange.outcome = "tool_error"
    return _written(exchange, result)


def _arguments(exchange: Exchange) -> dict[str, Any]:
    # Not by msgspec, which makes floats of big integers.
    try:
        arguments = json.loads(bytes(exchange.request.members.get("arguments", b"{}")))
    except (ValueError, RecursionError) as error:
        raise BadArguments("they are not JSON") from error
    if arguments is not None and not isinstance(arguments, dict):
        raise BadArguments("they must be an object")
    return arguments or {}


async def _asked(
    plan: RestPlan, secret: tuple[tuple[bytes, bytes], ...], request: RestRequest, share: str
) -> RestAnswer:
    """The whole answer. Sent again only where that does no harm: see upstream/retry.py."""
    wired = passing(
        plan.base, request.method, request.path, request.query or None, [*request.headers, *secret], request.body,
        dict(plan.extensions),
    )  # fmt: skip
    try:
        async with asyncio.timeout(plan.total_s):
            response = await client.send(wired, share=share, idempotent=plan.idempotent)
            body = await read_body(response, client.client().answer_limit_bytes)
    except TimeoutError:
        raise UpstreamTimeout from None
    return RestAnswer(response.status_code, response.headers.get("content-type", ""), body)


def _written(exchange: Exchange, result: Result) -> bytes:
    return msgspec.json.encode(({"resultType": "complete"} if exchange.modern else {}) | result)
