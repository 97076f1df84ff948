"""What a call leaves behind when it is over: nothing that only the garbage collector finds."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from gatewaysite.types import Message
from proxy_app.dataplane.http import WATCH_AFTER_S, leaving_cancels


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Connection:
    """A client that stays."""

    async def receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.anyio
async def test_a_call_slow_enough_to_be_watched_leaves_no_cycle(no_collector: None) -> None:
    connection = Connection()
    left_behind = weakref.ref(connection)
    with leaving_cancels(connection.receive):
        await asyncio.sleep(WATCH_AFTER_S * 2)
    del connection
    for _ in range(5):  # the watching task ends in a later turn of the loop
        await asyncio.sleep(0)
    assert left_behind() is None
