"""Connections beside the pool: whatever becomes of an attempt, its socket does not stay open."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
import pytest

from gatewaysite.db.direct import connect_directly
from tests.committed import database_url

pytestmark = pytest.mark.anyio


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """Where somebody accepts connections and says nothing, like a server that was stopped."""
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: taken.append(writer), "127.0.0.1", 0)
    yield f"postgresql://nobody@127.0.0.1:{server.sockets[0].getsockname()[1]}/nothing"
    for writer in taken:
        writer.close()
    server.close()


@pytest.fixture(autouse=True)
async def _no_collector() -> AsyncIterator[None]:
    """A process at rest makes too little garbage for the collector to come by."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def sockets_to(url: str) -> int:
    """How many of this process's sockets are connected to that port, in the words of Linux."""
    port = f":{int(url.rpartition(':')[2].partition('/')[0]):04X}"
    ours = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            ours.add(os.readlink(f"/proc/self/fd/{number}"))
    with open("/proc/self/net/tcp") as lines:
        rows = [line.split() for line in lines][1:]
    return sum(row[2].endswith(port) and f"socket:[{row[9]}]" in ours for row in rows)


async def test_attempts_that_time_out_leave_no_socket_open(silent: str) -> None:
    async def attempt() -> None:
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            await connect_directly(silent, name="poolgate listener", within_s=2)

    attempts = [asyncio.create_task(attempt()) for _ in range(5)]
    await asyncio.sleep(0.5)
    assert sockets_to(silent) == 5
    await asyncio.gather(*attempts)
    assert sockets_to(silent) == 0


async def test_what_a_timed_out_attempt_ended_in_may_be_kept(silent: str) -> None:
    with pytest.raises(psycopg.errors.ConnectionTimeout) as kept:
        await connect_directly(silent, name="poolgate listener", within_s=2)
    assert sockets_to(silent) == 0
    assert kept.value.__traceback__  # whoever logs it says where


async def test_attempts_that_are_cancelled_leave_no_socket_open(silent: str) -> None:
    errors = []
    for _ in range(5):
        try:
            async with asyncio.timeout(0.1):
                await connect_directly(silent, name="poolgate listener")
        except TimeoutError as error:
            errors.append(error)
    assert len(errors) == 5
    assert sockets_to(silent) == 0


async def test_a_connection_that_is_made_works_and_notices_a_dead_server_by_itself() -> None:
    async with await connect_directly(database_url(), name="poolgate test") as connection:
        cursor = await connection.execute("SELECT current_setting('application_name')")
        assert (await cursor.fetchone(), connection.autocommit) == (("poolgate test",), True)
        assert connection.info.get_parameters()["tcp_user_timeout"] == "10000"
