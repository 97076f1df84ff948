"""JSON-RPC requests as clients of both eras send them, to the application in this process."""

import json
from typing import Any

from tests.asgi_client import Answer, Visit, ask, begin

MODERN = "2026-07-28"
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
ERAS = ("legacy", "modern")


def message(method: str, params: dict[str, Any] | None = None, *, era: str = "legacy", id: Any = 1) -> dict[str, Any]:
    params = dict(params or {})
    if era == "modern":
        params["_meta"] = {VERSION: MODERN, CAPABILITIES: {}} | params.get("_meta", {})
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def headers_for(sent: dict[str, Any], token: str | None, *, era: str = "legacy") -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if era == "modern":
        headers |= {"mcp-protocol-version": MODERN, "mcp-method": sent["method"]}
        if member := NAMED_BY.get(sent["method"]):
            headers["mcp-name"] = str(sent["params"].get(member, ""))
    return headers


def a_visit(
    token: str | None,
    method: str,
    params: dict[str, Any] | None = None,
    *,
    path: str = "/mcp",
    era: str = "legacy",
    id: Any = 1,
    headers: dict[str, str | None] | None = None,
) -> Visit:
    """A visit with one well-formed request; `headers` adds to the usual ones, or takes away with None."""
    from gatewaysite.asgi import application

    sent = message(method, params, era=era, id=id)
    all_headers = headers_for(sent, token, era=era) | (headers or {})
    kept = {name: value for name, value in all_headers.items() if value is not None}
    return begin(application, "POST", path, body=json.dumps(sent).encode(), headers=kept)


async def call(token: str | None, method: str, params: dict[str, Any] | None = None, **how: Any) -> Answer:
    visit = a_visit(token, method, params, **how)
    await visit.run()
    assert visit.complete, "the answer has no end"
    return visit.answer


async def post(token: str | None, body: bytes | list[bytes], *, path: str = "/mcp", **headers: str) -> Answer:
    """Any bytes at all, with the headers of a client of the older era."""
    from gatewaysite.asgi import application

    usual = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    extra = {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(application, "POST", path, body=body, headers=usual | extra)


def error_of(answer: Answer) -> dict[str, Any]:
    """The error object of an answer that must be a JSON-RPC error and nothing else."""
    body = answer.json
    assert answer.headers["content-type"] == "application/json"
    assert body["jsonrpc"] == "2.0"
    assert "result" not in body
    assert isinstance(body["error"]["code"], int)
    assert body["error"]["message"]
    return body["error"]
