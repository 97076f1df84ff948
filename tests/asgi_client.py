"""Talks to an ASGI application the way a server would: one request at a time, in this process, no socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gatewaysite.types import AsgiApp, Message


@dataclass
class Answer:
    """What came back. `events` are the data of server-sent events."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        return [json.loads(data) for data in self.event_texts]

    @property
    def event_texts(self) -> list[str]:
        """Taken apart as the standard says: a field per line, an event ends at an empty line."""
        texts, lines = [], list[str]()
        for line in self.body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"):
            if line.startswith("data:"):
                lines.append(line.removeprefix("data:").removeprefix(" "))
            elif not line and lines:
                texts.append("\n".join(lines))
                lines = []
        return texts


@dataclass
class Visit:
    """One request under way: its answer so far, and the means to leave before it is complete."""

    application: AsgiApp
    scope: dict[str, Any]
    incoming: "asyncio.Queue[Message]" = field(default_factory=asyncio.Queue)
    sent: list[Message] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> Message:
        return await self.incoming.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        self.changed.set()

    async def run(self) -> None:
        await self.application(self.scope, self.receive, self.send)

    def leave(self) -> None:
        """What the server says when the client has closed its connection."""
        self.incoming.put_nowait({"type": "http.disconnect"})

    async def until(self, count: int) -> None:
        """Wait for so many messages of the answer."""
        while len(self.sent) < count:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 5)

    @property
    def answer(self) -> Answer:
        start, *rest = self.sent
        assert start["type"] == "http.response.start", start
        assert all(message["type"] == "http.response.body" for message in rest), "the answer began twice"
        headers = {name.decode().lower(): value.decode("latin1") for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in rest))

    @property
    def complete(self) -> bool:
        return bool(self.sent) and self.sent[-1]["type"] == "http.response.body" and not self.sent[-1].get("more_body")


def begin(
    application: AsgiApp,
    method: str,
    path: str,
    *,
    body: bytes | Iterable[bytes] = b"",
    headers: Mapping[str, str] | None = None,
    query: str = "",
) -> Visit:
    """A visit whose body is all there, in one piece or in several. Run it with `visit.run()`."""
    sent_headers = {"host": "127.0.0.1:8000"} | {name.lower(): value for name, value in (headers or {}).items()}
    chunks = [body] if isinstance(body, bytes) else list(body)
    visit = Visit(
        application,
        {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin1")) for name, value in sent_headers.items()],
            "client": ("127.0.0.1", 40000),
            "server": ("127.0.0.1", 8000),
        },
    )
    for number, chunk in enumerate(chunks, 1):
        visit.incoming.put_nowait({"type": "http.request", "body": chunk, "more_body": number < len(chunks)})
    return visit


async def ask(application: AsgiApp, method: str, path: str, **request: Any) -> Answer:
    """The whole answer to one request, which must come within ten seconds."""
    visit = begin(application, method, path, **request)
    async with asyncio.timeout(10):
        await visit.run()
    assert visit.complete, "the answer has no end"
    return visit.answer


@asynccontextmanager
async def under_way(visit: Visit) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a visit in a task of its own, and see to it that it ends."""
    task = asyncio.create_task(visit.run())
    try:
        yield task
    finally:
        visit.leave()
        await asyncio.wait([task], timeout=5)
        if not task.done():
            task.cancel()
            raise AssertionError("the visit did not end after its client had left")
