"""A real MCP server of both eras on the official SDK, run as a process of its own; prints its port when it is ready.

It logs every request that reaches it to the file named in its second argument: method, session id, JSON-RPC method.
"""

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventMessage, EventStore

server = MCPServer("poolgate-test-server", version="3.2.1", instructions="Be kind.")


@server.tool()
def echo(text: str) -> str:
    """Give the text back."""
    return text


@server.tool()
async def count(to: int, ctx: Context) -> str:
    """Count, and report each step."""
    for step in range(to):
        await ctx.report_progress(progress=step, total=to, message=f"step {step}")
    return "done"


@server.tool()
async def wait(seconds: float) -> str:
    """Take some time."""
    await asyncio.sleep(seconds)
    return "waited"


@server.tool()
async def leave_and_return(ctx: Context) -> str:
    """End the stream early and finish later, as 2025-11-25 allows."""
    await asyncio.sleep(0.05)  # the event that gives the stream its id must be out first
    await ctx.close_sse_stream()
    await asyncio.sleep(0.05)
    return "back"


@server.resource("test://greeting", mime_type="text/plain")
def greeting() -> str:
    return "hello"


@server.resource("test://item/{id}", mime_type="text/plain")
def item(id: str) -> str:
    return id


@server.prompt()
def ask(topic: str) -> str:
    """Ask about something."""
    return f"What is {topic}?"


class Events(EventStore):
    """Remembers every event, so that a stream that ended early can be taken up again."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id: str, send_callback: Any) -> str | None:
        seen = int(last_event_id)
        stream_id = self.events[seen - 1][0]
        for number, (stream, message) in enumerate(self.events[seen:], seen + 1):
            if stream == stream_id and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream_id


class Log:
    """Writes a line for every request that reaches the server."""

    def __init__(self, app: Any, path: Path) -> None:
        self.app, self.path = app, path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await whole_body(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        method = json.loads(body).get("method") if body else None
        with self.path.open("a") as log:
            log.write(json.dumps([scope["method"], headers.get("mcp-session-id"), method]) + "\n")
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Any:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)


async def whole_body(receive: Any) -> bytes:
    body = b""
    while (event := await receive())["type"] == "http.request":
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    return body


def main() -> None:
    mode, path = sys.argv[1], Path(sys.argv[2])
    app = server.streamable_http_app(
        json_response=mode == "json",
        stateless_http=mode == "stateless",
        event_store=None if mode == "stateless" else Events(),
        retry_interval=None if mode == "stateless" else 20,
        session_idle_timeout=0.3 if mode == "expiring" else None,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(Log(app, path), log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
