"""Looking names up: on threads of its own, for a limited time, with failures remembered for a moment."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

# The loop's own few threads (libuv has four) serve everything else too: a name server that hangs must not take them.
THREADS = 8
WITHIN_S = 3.0
# How long a failure is the answer without asking again. Good answers are kept by the connector.
FAILURE_KEPT_S = 3.0
FAILURES_KEPT = 1000
# An answer may list any number of addresses; more than these are not tried.
ADDRESSES_USED = 8

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dns")


class Resolver(AbstractResolver):
    def __init__(self) -> None:
        self._failed: dict[str, tuple[float, OSError]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError, also when it takes too long."""
        until, failure = self._failed.get(host, (0.0, None))
        if failure is not None and time.monotonic() < until:
            raise type(failure)(*failure.args)
        try:
            async with asyncio.timeout(WITHIN_S):
                found = await asyncio.get_running_loop().run_in_executor(_threads, look_up, host, port, family)
        except TimeoutError:
            failure = OSError(socket.EAI_AGAIN, "no answer from the name server in time")
        except OSError as exc:
            failure = exc
        else:
            self._failed.pop(host, None)
            return found[:ADDRESSES_USED]
        self._remember(host, failure)
        raise failure

    async def close(self) -> None:
        pass

    def _remember(self, host: str, failure: OSError) -> None:
        if len(self._failed) >= FAILURES_KEPT:
            self._failed.clear()
        self._failed[host] = (time.monotonic() + FAILURE_KEPT_S, failure)


def look_up(host: str, port: int, family: int) -> list[ResolveResult]:
    """Blocks. Runs on one of our threads."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            host=_with_scope(address),
            port=port,
            family=kind,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, proto, _, address in found
    ]


def _with_scope(address: tuple[str | int, ...] | tuple[int, bytes]) -> str:
    """A link-local address of IPv6 with the interface it is on."""
    host = str(address[0])
    return f"{host}%{address[3]}" if len(address) > 3 and address[3] else host
