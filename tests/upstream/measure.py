"""The figures of ADR 0003: `python -m tests.upstream.measure`. Our transport beside httpx's own, in the same run.

Each row is a process of its own against a fake upstream in another one; CPU is that of the calling process.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import httpx
import uvloop

from proxy_app.upstream import client
from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.mcp import Endpoint, call
from tests.upstream.conftest import settings

PARAMS = b'{"name":"echo","arguments":{"text":"hello"}}'
BODY = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%b}' % PARAMS
ANSWER = b'{"jsonrpc":"2.0","id":%b,"result":{"content":[{"type":"text","text":"hello"}],"isError":false}}'
HEADERS = {"content-type": "application/json", "authorization": "Bearer 0123456789"}
SPEED_ROWS = (("httpx", 64, 4000), ("client", 64, 20000), ("send", 64, 20000), ("mcp", 64, 20000), ("mcp", 500, 20000))

type Call = Callable[[str], Awaitable[object]]


class FakeAnswers(asyncio.Protocol):
    """As little HTTP as will do, so that the server is not what is measured."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            asked = self.waiting[:end].lower()
            size = int(asked.partition(b"content-length: ")[2].partition(b"\r")[0])
            if len(self.waiting) < end + 4 + size:
                return
            body, self.waiting = self.waiting[end + 4 : end + 4 + size], self.waiting[end + 4 + size :]
            answer = ANSWER % body.partition(b'"id":')[2].partition(b",")[0]
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
            delay_s = 0.002 if b"/slow" in asked else 0
            asyncio.get_running_loop().call_later(delay_s, self.write, head + answer)

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)  # type: ignore[attr-defined]


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(FakeAnswers, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def plain_httpx(connections: int) -> Call:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    theirs = httpx.AsyncClient(limits=limits, trust_env=False, timeout=2)

    async def ask(url: str) -> object:
        return (await theirs.post(url, content=BODY, headers=HEADERS)).content

    return ask


async def through_client(url: str) -> object:
    return (await client.client().post(url, content=BODY, headers=HEADERS)).content


async def through_send(url: str) -> object:
    request = httpx.Request("POST", url, headers=HEADERS, stream=httpx.ByteStream(BODY))
    return await read_body(await client.send(request), 100_000)


async def through_mcp(url: str) -> object:
    return await call(Endpoint(key="k", url=url, era="modern"), "tools/call", PARAMS, name="echo")


def caller(name: str, connections: int) -> Call:
    client.install(settings(HTTP_MAX_CONNECTIONS=connections, HTTP_MAX_KEEPALIVE_CONNECTIONS=connections))
    return {"client": through_client, "send": through_send, "mcp": through_mcp}.get(name) or plain_httpx(connections)


async def speed(url: str, name: str, at_once: int, calls: int) -> str:
    ask = caller(name, at_once)

    async def several(count: int) -> None:
        for _ in range(count):
            await ask(url)

    await asyncio.gather(*(several(3) for _ in range(at_once)))
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(several(calls // at_once) for _ in range(at_once)))
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    done = calls // at_once * at_once
    await client.client().aclose()
    return f"{name:7} {at_once:4} in flight {done / took:7.0f}/s {cpu / done * 1e6:7.0f} us CPU per call"


async def cancelled(url: str, name: str) -> str:
    """2,000 calls cancelled at random moments on 10 connections, then 200 more."""
    ask, chance = caller(name, 10), random.Random(1)
    for _ in range(100):
        tasks = [asyncio.ensure_future(ask(url)) for _ in range(20)]
        for task in tasks:
            asyncio.get_running_loop().call_later(chance.random() * 0.006, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
    after = await asyncio.gather(*(ask(url) for _ in range(200)), return_exceptions=True)
    await client.client().aclose()
    return f"{name:7} after 2,000 cancelled calls {sum(not isinstance(one, BaseException) for one in after)} of 200"


def main() -> None:
    with subprocess.Popen([sys.executable, "-m", "tests.upstream.measure", "serve"], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/mcp"
        rows = [["speed", url, name, str(at_once), str(calls)] for name, at_once, calls in SPEED_ROWS]
        for row in (*rows, ["cancelled", url + "/slow", "httpx"], ["cancelled", url + "/slow", "send"]):
            subprocess.run([sys.executable, "-m", "tests.upstream.measure", *row], check=True)
        server.kill()


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main()
        case ["serve"]:
            uvloop.run(serve())
        case ["speed", url, name, at_once, calls]:
            print(uvloop.run(speed(url, name, int(at_once), int(calls))))
        case ["cancelled", url, name]:
            print(uvloop.run(cancelled(url, name)))
