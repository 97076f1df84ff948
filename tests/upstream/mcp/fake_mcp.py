"""A scripted MCP server: one function per JSON-RPC method decides what goes on the wire."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.upstream.fakes import Peer, Request, Script

type Reply = tuple[bytes, bytes, bytes]  # status, further header lines, body
type Method = Callable[[Request, dict[str, Any]], Reply]

JSON = b"Content-Type: application/json"
SSE = b"Content-Type: text/event-stream"


def result(message: dict[str, Any], value: object, *headers: bytes) -> Reply:
    body = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "result": value}).encode()
    return b"200 OK", b"\r\n".join((JSON, *headers)), body


def error(message: dict[str, Any], code: int, text: str, status: bytes = b"200 OK", **data: object) -> Reply:
    said = {"code": code, "message": text, **data}
    return status, JSON, json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "error": said}).encode()


def events(*messages: object) -> Reply:
    body = b"".join(b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n" for message in messages)
    return b"200 OK", SSE, body


def plain(status: bytes, text: bytes = b"", *headers: bytes) -> Reply:
    return status, b"\r\n".join((b"Content-Type: text/plain", *headers)), text


def initialized(version: str = "2025-11-25", session: bytes | None = b"s-1", **extra: object) -> Method:
    def method(request: Request, message: dict[str, Any]) -> Reply:
        info = {"serverInfo": {"name": "old", "version": "1"}, "capabilities": {"tools": {}}, **extra}
        headers = () if session is None else (b"Mcp-Session-Id: " + session,)
        return result(message, {"protocolVersion": version, **info}, *headers)

    return method


def accept(request: Request, message: dict[str, Any]) -> Reply:
    return b"202 Accepted", b"X: 1", b""


def discovered(*versions: str) -> Method:
    return lambda request, message: result(
        message,
        {
            "supportedVersions": list(versions or ("2026-07-28",)),
            "capabilities": {"tools": {}},
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "new", "version": "2"}},
        },
    )


def server(methods: Mapping[str, Method], otherwise: Method | None = None) -> Script:
    """Unknown methods get -32601 with 404, as a modern server answers them."""
    unknown = otherwise or (lambda request, message: error(message, -32601, "Method not found", b"404 Not Found"))

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            message = json.loads(request.body) if request.body else {"method": request.line.split()[0]}
            status, headers, body = methods.get(message.get("method", "response"), unknown)(request, message)
            await peer.send(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n\r\n%b" % (status, len(body), headers, body))

    return script


def legacy(methods: Mapping[str, Method] | None = None) -> Script:
    """A server of the older era with one session; it refuses the modern probe as such servers do."""
    return server(
        {
            "server/discover": lambda request, message: error(message, -32600, "No session", b"400 Bad Request"),
            "initialize": initialized(),
            "notifications/initialized": accept,
            "notifications/cancelled": accept,
            "DELETE": accept,
            **(methods or {}),
        }
    )


def methods_of(requests: list[Request]) -> list[str]:
    """The JSON-RPC methods, or for requests without a body the HTTP method, in the order of arrival."""
    return [json.loads(request.body)["method"] if request.body else request.line.split()[0] for request in requests]
