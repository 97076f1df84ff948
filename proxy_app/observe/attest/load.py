"""A load of our own for an attestation: clients that read pages and lists, write, and call tools, some of them slow.

A client of the gateway like any other, over HTTP, each with a connection and a thread of its own.
"""

import http.client
import ipaddress
import json
import os
import random
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gatewaysite import __version__

CLIENTS, CLIENTS_AT_MOST = 300, 2_000
PAUSE_S = 1.0
ANSWER_WITHIN_S = 60.0
# A gateway that refuses to delete what the load made is asked again for so long.
CLEAN_UP_WITHIN_S, CLEAN_UP_EVERY_S = 20.0, 0.3
DELETE_WITHIN_S = 5.0
STACK_BYTES = 512 * 1024
NICE = 10
SCRATCH = "attestation-scratch"

Plain = dict[str, Any]


class CannotLoad(Exception):
    """What is in the way of making a load, for a person at a terminal."""


@dataclass(frozen=True)
class Plan:
    """Where the load goes and what it is made of."""

    url: str
    token: str
    profile: str = "mixed"
    clients: int = CLIENTS
    pause_s: float = PAUSE_S
    slow_tool: str = "demo-wait"
    slow_arguments: Plain = field(default_factory=lambda: {"seconds": 5})
    fast_tool: str = "demo-echo"
    fast_arguments: Plain = field(default_factory=lambda: {"text": "hello"})
    # Further paths to read now and then: what an installation wants looked at beside the usual.
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    # Text that only a good answer contains: MCP tells trouble of an upstream with status 200.
    expect: bytes = b""


@dataclass
class Part:
    """One sort of client. `share` of all are of it; `pauses` is how many times the usual pause they make."""

    name: str
    share: float
    pauses: float
    request: Callable[[], Request]
    times_ms: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def as_plain(self) -> Plain:
        times = sorted(self.times_ms)
        return {
            "name": self.name,
            "requests": len(times),
            "p50_ms": _at(times, 0.5),
            "p99_ms": _at(times, 0.99),
            "others": dict(self.others),
        }


class Load:
    """`prepare`, then `run` until told to end, then `clean_up`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._scratch: deque[str] = deque()
        self._parts = list(self._mixed())
        # One for each client. In any order: should the machine not give as many, those that run are of every sort.
        self._wanted = [part for part in self._parts for _ in range(max(1, round(plan.clients * part.share)))]
        random.shuffle(self._wanted)
        self._clients = 0

    def prepare(self) -> None:
        """Make sure that it can be made. Raises CannotLoad."""
        answer = self._ask(_rpc("tools/list", {}))
        if answer.status == 401:
            raise CannotLoad("The gateway does not know this token; give one with --token.")
        if answer.status != 200 or b'"result"' not in answer.body:
            raise CannotLoad(f"{self.plan.url}/mcp was answered {answer.status}.")
        tools = {tool["name"] for tool in json.loads(answer.body)["result"]["tools"]}
        for name in (self.plan.slow_tool, self.plan.fast_tool):
            if name not in tools:
                raise CannotLoad(
                    f"There is no tool {name}. `manage.py gateway register-demo` registers the demo's, --slow-tool and"
                    " --fast-tool name others."
                )

    def run(self, over: threading.Event) -> None:
        """Until `over` is set and everybody has the last answer."""
        threads = []
        threading.stack_size(STACK_BYTES)
        # RuntimeError: the machine gives no more threads. Those that run are the load, and the report says how many.
        with suppress(RuntimeError):
            for part in self._wanted:
                thread = threading.Thread(target=self._visit, args=(part, over), name=f"load-{part.name}", daemon=True)
                thread.start()
                threads.append(thread)
        threading.stack_size(0)
        self._clients = len(threads)
        for thread in threads:
            thread.join()

    def clean_up(self) -> None:
        """Delete what the writers made. What the gateway does not let go in time is told in the report."""
        give_up_at = time.monotonic() + CLEAN_UP_WITHIN_S
        while self._scratch and time.monotonic() < give_up_at:
            key = self._scratch.popleft()
            if not self._delete(key):
                self._scratch.append(key)
                time.sleep(CLEAN_UP_EVERY_S)

    def as_plain(self) -> Plain:
        parts = [part.as_plain() for part in self._parts]
        return {
            "profile": self.plan.profile,
            "url": self.plan.url,
            "clients": self._clients,
            "clients_wanted": len(self._wanted),
            "pause_s": self.plan.pause_s,
            "slow_tool": self.plan.slow_tool,
            # As text: they are anybody's, and not every number is written alike by all languages.
            "slow_arguments": json.dumps(self.plan.slow_arguments),
            "requests": sum(part["requests"] for part in parts),
            "failed": sum(sum(part["others"].values()) for part in parts),
            "parts": parts,
            "left_behind": list(self._scratch),
        }

    # --- What is asked ------------------------------------------------------------------------------------------------

    def _mixed(self) -> Iterator[Part]:
        plan = self.plan
        slow = _call(plan.slow_tool, plan.slow_arguments)
        fast = _call(plan.fast_tool, plan.fast_arguments)
        pages = [Request("GET", f"/admin{path}", expect=b"</html>") for path in ("", "/tools", "/gateways", "/servers")]
        lists = [Request("GET", path) for path in ("/tools?limit=50", "/servers", "/gateways?include_pagination=true")]
        yield Part("slow tools/call", 0.40, 0, lambda: slow)
        yield Part("tools/call", 0.15, 1, lambda: fast)
        yield Part("tools/list", 0.10, 1, lambda: _rpc("tools/list", {}))
        yield Part("lists", 0.15, 1, lambda: random.choice(lists))  # noqa: S311
        yield Part("pages", 0.17, 1, lambda: random.choice(pages))  # noqa: S311
        # Seldom: each makes every process load the registry anew.
        yield Part("writes", 0.03, 3, self._write)
        if plan.paths:
            others = [Request("GET", path) for path in plan.paths]
            yield Part("other paths", 0.02, 1, lambda: random.choice(others))  # noqa: S311

    def _write(self) -> Request:
        """A new description for a server of one's own that nobody else sees; made when there is none yet."""
        thread = threading.current_thread()
        if not hasattr(thread, "server"):
            body = {"server": {"name": f"{SCRATCH}-{random.getrandbits(48):x}"}, "visibility": "private"}
            answer = self._ask(_json("POST", "/servers", body))
            if answer.status != 201:
                return Request("GET", "/servers?limit=1")
            thread.server = json.loads(answer.body)["id"]  # type: ignore[attr-defined]
            self._scratch.append(thread.server)  # type: ignore[attr-defined]
        text = f"Written by an attestation of {__version__}, {time.time():.3f}"
        return _json("PUT", f"/servers/{thread.server}", {"description": text})  # type: ignore[attr-defined]

    # --- How it is asked ----------------------------------------------------------------------------------------------

    def _visit(self, part: Part, over: threading.Event) -> None:
        """One client: asks, waits for the answer, pauses, asks again."""
        with suppress(OSError):  # elsewhere clients have cores of their own; here they must not take the gateway's
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        over.wait(random.uniform(0, min(1.0, self.plan.pause_s)))  # noqa: S311
        connection = self._connect()
        while not over.is_set():
            began = time.monotonic()
            outcome = self._outcome(connection, part)
            part.times_ms.append((time.monotonic() - began) * 1000)
            if outcome:
                part.others[outcome] += 1
                over.wait(0.5)
            over.wait(self.plan.pause_s * part.pauses * random.uniform(0.5, 1.5))  # noqa: S311
        connection.close()

    def _outcome(self, connection: http.client.HTTPConnection, part: Part) -> str:
        """Empty when the answer was the wanted one."""
        try:
            request = part.request()
            answer = _send(connection, request, self.plan.token)
        except (OSError, http.client.HTTPException, CannotLoad) as error:
            connection.close()  # the next request opens it again
            return type(error).__name__
        if answer.status != 200:
            return str(answer.status)
        return "" if request.expect in answer.body else "wrong answer"

    def _delete(self, key: str) -> bool:
        try:
            return self._ask(Request("DELETE", f"/servers/{key}"), DELETE_WITHIN_S).status in (200, 204, 404)
        except CannotLoad:
            return False

    def _ask(self, request: Request, within_s: float = ANSWER_WITHIN_S) -> "Answer":
        connection = self._connect(within_s)
        try:
            return _send(connection, request, self.plan.token)
        except (OSError, http.client.HTTPException) as error:
            raise CannotLoad(f"{self.plan.url} does not answer: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()

    def _connect(self, within_s: float = ANSWER_WITHIN_S) -> http.client.HTTPConnection:
        parts = urlsplit(self.plan.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, parts.port, timeout=within_s, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, parts.port, timeout=within_s)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _send(connection: http.client.HTTPConnection, request: Request, token: str) -> Answer:
    headers = {"Authorization": f"Bearer {token}", "User-Agent": f"poolgate-attest/{__version__}"}
    connection.request(request.method, request.path, request.body or None, headers | dict(request.headers))
    response = connection.getresponse()
    return Answer(response.status, response.read())


def _json(method: str, path: str, body: Plain, **more: str) -> Request:
    headers = {"Content-Type": "application/json", "Accept": "application/json"} | more
    return Request(method, path, json.dumps(body).encode(), tuple(headers.items()))


def _call(name: str, arguments: Plain) -> Request:
    return _rpc("tools/call", {"name": name, "arguments": arguments}, name)


def _rpc(method: str, params: Plain, name: str = "") -> Request:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "poolgate-attest", "version": __version__},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": meta}}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
    } | ({"Mcp-Name": name} if name else {})
    return Request("POST", "/mcp", json.dumps(body).encode(), tuple(headers.items()), expect=b'"result":{')


def _at(times: list[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(len(times) * share))], 1) if times else 0.0
