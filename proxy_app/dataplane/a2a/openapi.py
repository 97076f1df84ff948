"""Invoking agents, as the OpenAPI document has it."""

from collections.abc import Mapping

from gatewaysite.openapi import KEY, Json, operation
from proxy_app.dataplane.a2a.bodies import Invoke, InvokeById

BODIES = (Invoke, InvokeById)
ERRORS = (400, 401, 403, 404, 413, 415, 422, 429, 502, 503, 504)
ANSWER = {200: ("The agent's own JSON-RPC answer: its result, or its error.", {"type": "object"})}


def _invoke(body: type, named: Json) -> Json:
    return {"post": operation("Send an agent a message", ANSWER, *ERRORS, tag="agents", body=body) | named}


PATHS: Mapping[str, Json] = {
    **{f"/{name}/{{key}}/invoke": _invoke(Invoke, {"parameters": [KEY]}) for name in ("agents", "a2a")},
    **{f"/{name}/invoke": _invoke(InvokeById, {}) for name in ("agents", "a2a")},
}
