"""The bounded queue in front of the connections."""

import asyncio

import pytest

from proxy_app.upstream.slots import QueueFull, SharedSlots, Slots

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


async def test_a_host_gets_no_more_than_its_share_and_another_gets_the_rest() -> None:
    slots = SharedSlots(3, share=2, max_waiting=10)
    for _ in range(2):
        await slots.acquire("greedy", None)
    with pytest.raises(TimeoutError):
        await slots.acquire("greedy", 0.01)
    await slots.acquire("modest", None)
    assert (slots.in_use, slots.waiting) == (3, 0)


async def test_a_slot_given_back_goes_to_whoever_of_that_host_waits() -> None:
    slots = SharedSlots(2, share=1, max_waiting=10)
    await slots.acquire("a", None)
    await slots.acquire("b", None)
    waiter = asyncio.create_task(slots.acquire("a", 1))
    await asyncio.sleep(0)
    slots.release("b")
    await asyncio.sleep(0)
    assert (waiter.done(), slots.in_use, slots.waiting) == (False, 1, 1)
    slots.release("a")
    await waiter
    slots.release("a")
    assert (slots.in_use, slots.waiting) == (0, 0)


async def test_whoever_gives_up_waiting_for_the_common_slots_gives_back_its_hosts() -> None:
    slots = SharedSlots(1, share=1, max_waiting=10)
    await slots.acquire("a", None)
    with pytest.raises(TimeoutError):
        await slots.acquire("b", 0.01)
    leaving = asyncio.create_task(slots.acquire("b", None))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    slots.release("a")
    await asyncio.wait_for(slots.acquire("b", 1), 1)
    slots.release("b")
    assert (slots.in_use, slots.waiting) == (0, 0)
