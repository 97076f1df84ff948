"""What the phase guard and the ledger cost: the same requests in one process, with both and with neither, in turns.

Run by `python -m bench guard`, on a database of its own. Neither a server nor a network is in it, which would add noise
and nothing to the difference.
"""

import asyncio
import io
import json
import statistics
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import django
import httpx

PAIRS = 60
# Long enough for the interpreter to have adapted itself to the functions that were just exchanged.
HALF_S = 0.15


def main() -> None:
    django.setup()
    # Whatever loads a model or reads a setting has to wait for that.
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    figures = {name: _cost(request) for name, request in _requests().items()}
    print(json.dumps(figures))


def _cost(request: Callable[[], None]) -> dict[str, float]:
    """CPU microseconds per request without, and what both add: the medians of many short pairs.

    Each pair runs back to back, so that both halves meet the same machine, and who comes first takes turns.
    """
    began = time.process_time()
    for _ in range(100):
        request()
    times = max(1, round(HALF_S * 100 / (time.process_time() - began)))
    pairs = []
    for number in range(PAIRS):
        first_guarded = number % 2 == 0
        first, second = _time(request, times, guarded=first_guarded), _time(request, times, guarded=not first_guarded)
        pairs.append((first, second) if first_guarded else (second, first))
    return {
        "without_us": round(statistics.median(without for _, without in pairs), 1),
        "added_us": round(statistics.median(with_both - without for with_both, without in pairs), 1),
    }


def _time(request: Callable[[], None], times: int, *, guarded: bool) -> float:
    with nullcontext() if guarded else _neither():
        began = time.process_time()
        for _ in range(times):
            request()
        return (time.process_time() - began) / times * 1e6


@contextmanager
def _neither() -> Iterator[None]:
    """As if neither had been written."""
    from gatewaysite import phases
    from gatewaysite.db import ledger
    from gatewaysite.db.handback import base

    hold = ledger.Hold(base.DatabaseWrapper({"OPTIONS": {}}, "bench"))
    stubs: dict[Any, dict[str, Any]] = {
        ledger: {
            "want": lambda _holder: hold,
            "end_wait": lambda _hold: None,
            "enter": lambda _hold, _pid: None,
            "leave": lambda _hold: None,
        },
        base: {"refuse_database": lambda: None},
        ledger.Hold: {"begin": lambda _self, _sql: None, "end": lambda _self: None},
        phases._During: {"__enter__": lambda self: self, "__exit__": lambda *_: None},
    }
    with ExitStack() as stack:
        for target, names in stubs.items():
            for name, stub in names.items():
                stack.enter_context(patch.object(target, name, stub))
        yield


def _requests() -> dict[str, Callable[[], None]]:
    from auth_app.current import TokenLookup
    from auth_app.tokens.secrets import hash_secret
    from auth_app.tokens.work import find_token
    from gatewaysite.control_plane import ControlPlane

    secret = _filled()
    actor = find_token(hash_secret(secret))
    TokenLookup.find = staticmethod(lambda _hash: actor)
    plane = ControlPlane(threads=1, max_waiting=1)

    def get(path: str, query: bytes = b"") -> Callable[[], None]:
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query,
            "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer " + secret.encode())],
            "client": ("127.0.0.1", 1),
        }

        def request() -> None:
            response = plane._run(dict(scope), io.BytesIO())
            assert response.status_code == 200, response  # noqa: S101
            response.close()

        return request

    return {"json-list": get("/tools", b"limit=50"), "admin-page": get("/admin/tools"), "tool-call": _tool_call(secret)}


def _filled() -> str:
    """An administrator's token, and 50 tools to list."""
    from auth_app.tokens import secrets
    from auth_app.tokens.work import ensure_token
    from auth_app.users.work import ensure_administrator
    from proxy_app.models import Gateway, Tool

    user_id, _created = ensure_administrator("bench@example.com", "a long password for a bench")
    secret = secrets.new_secret()
    ensure_token(user_id, "bench", secret)
    url = "http://127.0.0.1:9/mcp"
    gateway = Gateway.objects.create(name="bench", slug="bench", url=url, owner_id=user_id, era="modern")
    for number in range(50):
        name = f"bench-tool-{number}"
        Tool.objects.create(
            name=name, slug=name, original_name=name, custom_name=name, display_name=name, gateway=gateway,
            url=url, owner_id=user_id, input_schema='{"type":"object"}', visibility="public",
        )  # fmt: skip
    return secret


def _tool_call(secret: str) -> Callable[[], None]:
    """A whole tools/call through the data plane. Only the network is missing: the upstream answers at once."""
    from gatewaysite.asgi import application
    from proxy_app.snapshot.keeper import keeper
    from proxy_app.upstream.client import client
    from proxy_app.upstream.pool import Pool

    class Canned(httpx.AsyncByteStream):
        def read_if_complete(self) -> bytes:
            return b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete"}}'

        def close(self) -> None:
            pass

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "application/json"}, stream=Canned(), request=request)

    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "bench-tool-1", "arguments": {}}}
    body = json.dumps(call).encode()
    headers = {"host": "localhost", "authorization": f"Bearer {secret}", "content-type": "application/json"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        assert message.get("status", 200) == 200, message  # noqa: S101

    loop = asyncio.new_event_loop()
    loop.run_until_complete(keeper.check())
    client().door.pools.of = lambda request: cast(Pool, SimpleNamespace(send=answer))  # type: ignore[method-assign]
    return lambda: loop.run_until_complete(application(dict(scope), receive, send))


if __name__ == "__main__":
    main()
