"""The bounded queue in front of the connections."""

import asyncio

import pytest

from proxy_app.upstream.slots import QueueFull, Slots

pytestmark = pytest.mark.anyio


async def waiting(slots: Slots, count: int, timeout_s: float | None = 1.0) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(slots.acquire(timeout_s)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_slots_are_handed_on_in_the_order_of_asking() -> None:
    slots = Slots(1, max_waiting=10)
    await slots.acquire(None)
    first, second = await waiting(slots, 2)
    slots.release()
    await first
    assert (slots.in_use, slots.waiting, second.done()) == (1, 1, False)
    slots.release()
    await second
    slots.release()
    assert (slots.in_use, slots.waiting) == (0, 0)


async def test_a_newcomer_does_not_overtake_a_woken_waiter() -> None:
    slots = Slots(1, max_waiting=10)
    await slots.acquire(None)
    (waiter,) = await waiting(slots, 1)
    slots.release()
    (newcomer,) = await waiting(slots, 1)
    await waiter
    assert not newcomer.done()
    slots.release()
    await newcomer


async def test_waiting_ends_with_the_time_limit() -> None:
    slots = Slots(1, max_waiting=10)
    await slots.acquire(None)
    with pytest.raises(TimeoutError):
        await slots.acquire(0.01)
    assert (slots.in_use, slots.waiting) == (1, 0)


async def test_a_full_queue_refuses_at_once() -> None:
    slots = Slots(1, max_waiting=1)
    await slots.acquire(None)
    (waiter,) = await waiting(slots, 1)
    with pytest.raises(QueueFull):
        await slots.acquire(10)
    slots.release()
    await waiter


async def test_a_waiter_cancelled_in_the_turn_it_is_woken_passes_the_slot_on() -> None:
    slots = Slots(1, max_waiting=10)
    await slots.acquire(None)
    first, second = await waiting(slots, 2)
    slots.release()
    first.cancel()
    await asyncio.wait_for(second, 1)
    slots.release()
    assert (slots.in_use, slots.waiting, first.cancelled()) == (0, 0, True)


async def test_cancelled_waiters_leave_no_trace() -> None:
    slots = Slots(2, max_waiting=100)
    await slots.acquire(None)
    await slots.acquire(None)
    for task in await waiting(slots, 50):
        task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (slots.in_use, slots.waiting) == (2, 0)
    slots.release()
    slots.release()
    assert slots.in_use == 0
