"""The start and the end of a process, as its server asks for them."""

import asyncio
import threading
import time
from typing import Any

import pytest

from gatewaysite import asgi
from proxy_app import lifecycle
from tests.asgi_client import ask

pytestmark = pytest.mark.anyio


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened, in order; the real parts are left alone."""
    steps: list[str] = []

    async def start() -> None:
        steps.append("start")

    async def stop() -> None:
        steps.append("stop")

    monkeypatch.setattr(lifecycle, "start", start)
    monkeypatch.setattr(lifecycle, "stop", stop)
    monkeypatch.setattr(asgi.control_plane, "close", lambda: steps.append("close"))
    return steps


async def live(steps: list[str], *messages: str) -> None:
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    for message in messages:
        incoming.put_nowait({"type": f"lifespan.{message}"})

    async def send(message: Any) -> None:
        steps.append(message["type"])

    async with asyncio.timeout(5):
        await asgi.application({"type": "lifespan"}, incoming.get, send)


async def test_a_process_lives_between_start_and_end(steps: list[str]) -> None:
    await live(steps, "startup", "shutdown")
    assert steps == ["start", "lifespan.startup.complete", "close", "stop", "lifespan.shutdown.complete"]


async def test_a_request_that_does_not_end_does_not_keep_the_rest_from_ending(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(asgi, "CLOSE_WITHIN_S", 0.1)
    monkeypatch.setattr(asgi.control_plane, "close", lambda: release.wait(5))
    began = time.monotonic()
    await live(steps, "startup", "shutdown")
    release.set()
    assert time.monotonic() - began < 2
    assert steps[-2:] == ["stop", "lifespan.shutdown.complete"]


async def test_a_thread_that_waits_for_the_loop_can_end(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    def close() -> None:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(5)
        steps.append("close")

    monkeypatch.setattr(asgi.control_plane, "close", close)
    await live(steps, "startup", "shutdown")
    assert "close" in steps


async def test_a_start_that_fails_is_not_called_complete(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise RuntimeError("no port")

    monkeypatch.setattr(lifecycle, "start", fail)
    with pytest.raises(RuntimeError):
        await live(steps, "startup")
    assert steps == []


async def test_a_web_socket_is_closed() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await asgi.application({"type": "websocket", "path": "/mcp"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_head_is_answered_like_get_without_the_body() -> None:
    get, head = await ask(asgi.application, "GET", "/livez"), await ask(asgi.application, "HEAD", "/livez")
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")
