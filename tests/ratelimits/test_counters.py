"""Where requests are counted: rows that processes add to together, and a cache that does it for them."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gatewaysite.rates import Rate
from proxy_app.models import RateCount
from proxy_app.ratelimits import work
from proxy_app.ratelimits.counters import KEPT_FOR_S, CacheStore, Counters, DatabaseStore

pytestmark = pytest.mark.anyio

SOON = int(time.time()) + 3600


def rate(number: int = 0) -> Rate:
    return Rate("token", str(number), 100, 60)


async def test_what_several_processes_draw_is_added_up(db: None) -> None:
    processes = [Counters(DatabaseStore()) for _ in range(4)]
    await asyncio.gather(*(each.draw(rate(n % 5), SOON, 1 + n % 2) for each in processes for n in range(50)))
    assert [await processes[0].draw(rate(n), SOON, 0) for n in range(5)] == [60] * 5
    assert await processes[0].draw(rate(), SOON + 60, 3) == 3  # another window


async def test_what_is_drawn_together_is_written_together(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    add_counts = work.add_counts

    def counted(asked: dict[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        written.append(len(asked))
        return add_counts(asked)

    monkeypatch.setattr(work, "add_counts", counted)
    counters = Counters(DatabaseStore())
    await asyncio.gather(*(counters.draw(rate(n), SOON, 1) for n in range(500)))
    assert (sum(written), len(written) <= 2) == (500, True)


async def test_ended_windows_are_removed_now_and_then(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DatabaseStore()
    await store.add({("old", int(time.time() - 2 * KEPT_FOR_S)): 1, ("new", SOON): 1})
    monkeypatch.setattr(store, "_forget_at", 0.0)
    await store.add({("new", SOON): 1})
    assert await asyncio.to_thread(lambda: list(RateCount.objects.values_list("key", "used"))) == [("new", 2)]


async def test_trouble_of_the_database_is_told_once_and_nobody_is_refused_for_it(
    db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_database(*_args: object) -> None:
        from gatewaysite.errors import DatabaseDown

        raise DatabaseDown

    counters = Counters(DatabaseStore())
    with monkeypatch.context() as patch:
        patch.setattr(work, "add_counts", no_database)
        assert await counters.draw(rate(), SOON, 5) is None
        monkeypatch.setattr(counters, "_away_until", 0.0)
        assert await counters.draw(rate(), SOON, 5) is None
    (told,) = caplog.records
    assert (told.message, bool(told.exc_info)) == ("rate limits are counted in each process by itself", False)
    monkeypatch.setattr(counters, "_away_until", 0.0)
    assert await counters.draw(rate(), SOON, 5) is None  # it is asked beside
    async with asyncio.timeout(10):
        while not counters.is_shared:
            await asyncio.sleep(0.01)
    assert await counters.draw(rate(), SOON, 5) == 5


class PretendedCache:
    """Speaks enough of the protocol (RESP2) to add to counters."""

    def __init__(self) -> None:
        self.counts: dict[bytes, int] = {}
        self.ends: set[int] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                writer.write(self.answer(await self.command(reader)))
                await writer.drain()
        writer.close()

    async def command(self, reader: asyncio.StreamReader) -> list[bytes]:
        parts = []
        for _ in range(int((await reader.readuntil(b"\n"))[1:])):
            size = int((await reader.readuntil(b"\n"))[1:])
            parts.append((await reader.readexactly(size + 2))[:-2])
        return parts

    def answer(self, command: list[bytes]) -> bytes:
        match command:
            case [b"INCRBY", key, count]:
                self.counts[key] = self.counts.get(key, 0) + int(count)
                return b":%d\r\n" % self.counts[key]
            case [b"EXPIREAT", _, ends_at]:
                self.ends.add(int(ends_at))
                return b":1\r\n"
        return b"+OK\r\n"


async def test_a_cache_is_told_what_was_drawn_and_when_to_forget_it() -> None:
    cache = PretendedCache()
    async with await asyncio.start_server(cache.serve, "127.0.0.1", 0) as server:
        store = CacheStore(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        assert [await store.add({("k", SOON): count}) for count in (5, 2)] == [{("k", SOON): 5}, {("k", SOON): 7}]
        await store.close()
    assert cache.counts == {b"poolgate:rate:k:%d" % SOON: 7}
    assert cache.ends == {SOON + KEPT_FOR_S}


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[str]:
    """A real one, where the machine has it."""
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        pytest.skip("this machine has neither valkey-server nor redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


def wait_for(port: int) -> None:
    give_up_at = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < give_up_at
            time.sleep(0.02)


async def test_what_several_processes_draw_is_added_up_in_a_cache(cache: str) -> None:
    processes = [Counters(CacheStore(cache)) for _ in range(3)]
    await asyncio.gather(*(each.draw(rate(n % 2), SOON, 2) for each in processes for n in range(40)))
    assert [await processes[0].draw(rate(n), SOON, 1) for n in range(2)] == [121, 121]
    assert await processes[1].draw(rate(), SOON + 60, 1) == 1
    for process in processes:
        await process.close()


async def test_without_its_cache_a_process_counts_for_itself() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        counters = Counters(CacheStore(f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"))
        assert await counters.draw(rate(), SOON, 5) is None
    assert not counters.is_shared
    await counters.close()
