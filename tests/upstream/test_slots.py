"""The bounded queue in front of the connections."""

import asyncio

import pytest

from proxy_app.upstream.slots import Crowd, QueueFull, SharedSlots, Slots

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


def shared(common: Slots, own_limit: int) -> SharedSlots:
    return SharedSlots(Slots(own_limit, max_waiting=10), common)


async def test_an_upstream_gets_no_more_than_its_own_and_another_gets_the_rest() -> None:
    common = Slots(3, max_waiting=10)
    greedy, modest = shared(common, 2), shared(common, 2)
    for _ in range(2):
        await greedy.acquire(None)
    with pytest.raises(TimeoutError):
        await greedy.acquire(0.01)
    await modest.acquire(None)
    assert (common.in_use, greedy.waiting, modest.waiting) == (3, 0, 0)


async def test_a_slot_given_back_goes_to_whoever_of_that_upstream_waits() -> None:
    common = Slots(2, max_waiting=10)
    a, b = shared(common, 1), shared(common, 1)
    await a.acquire(None)
    await b.acquire(None)
    waiter = asyncio.create_task(a.acquire(1))
    await asyncio.sleep(0)
    b.release()
    await asyncio.sleep(0)
    assert (waiter.done(), common.in_use, a.waiting) == (False, 1, 1)
    a.release()
    await waiter
    a.release()
    assert (common.in_use, a.waiting) == (0, 0)


async def test_whoever_gives_up_waiting_for_the_common_slots_gives_back_its_own() -> None:
    common = Slots(1, max_waiting=10)
    a, b = shared(common, 1), shared(common, 1)
    await a.acquire(None)
    with pytest.raises(TimeoutError):
        await b.acquire(0.01)
    leaving = asyncio.create_task(b.acquire(None))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    a.release()
    await asyncio.wait_for(b.acquire(1), 1)
    b.release()
    assert (common.in_use, b.own.in_use, b.waiting) == (0, 0, 0)


# --- Shares ----------------------------------------------------------------------------------------------------------


async def line_up(slots: Slots, share: str, count: int, done: list[str]) -> list[asyncio.Task[None]]:
    async def one() -> None:
        await slots.acquire(5, share)
        done.append(share)

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_freed_slots_go_round_the_shares_however_many_wait_in_each() -> None:
    slots, done = Slots(1, max_waiting=1000), list[str]()
    await slots.acquire(None)
    tasks = await line_up(slots, "hog", 500, done) + await line_up(slots, "small", 2, done)
    slots.release()
    for _ in range(6):
        await asyncio.sleep(0)
        slots.release(done[-1])
    assert done[:5] == ["hog", "small", "hog", "small", "hog"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert slots.waiting == 0


async def test_a_queue_that_one_share_filled_has_room_for_another() -> None:
    slots, done = Slots(1, max_waiting=4), list[str]()
    await slots.acquire(None)
    hogs = await line_up(slots, "hog", 4, done)
    with pytest.raises(QueueFull):
        await slots.acquire(5, "hog")
    others = await line_up(slots, "small", 2, done)
    await asyncio.sleep(0)
    assert [task.done() for task in hogs] == [False, False, True, True]  # the last ones made room
    assert all(isinstance(task.exception(), QueueFull) for task in hogs[2:])
    with pytest.raises(QueueFull):
        await slots.acquire(5, "small")  # both have the same now
    for task in (*hogs, *others):
        task.cancel()
    await asyncio.gather(*hogs, *others, return_exceptions=True)
    assert slots.waiting == 0


async def test_no_share_has_every_slot() -> None:
    slots, done = Slots(5, max_waiting=10, share_limit=4), list[str]()
    hogs = await line_up(slots, "hog", 6, done)
    assert (slots.in_use, slots.waiting) == (4, 2)
    await slots.acquire(0.01, "small")
    slots.release("hog")  # its own waiter gets it
    await asyncio.sleep(0)
    assert (slots.in_use, slots.waiting, done) == (5, 1, ["hog"] * 5)
    slots.release("small")  # the hog has all it may
    await asyncio.sleep(0)
    assert (slots.in_use, slots.waiting) == (4, 1)
    for task in hogs:
        task.cancel()
    await asyncio.gather(*hogs, return_exceptions=True)


async def test_whoever_comes_when_nothing_has_moved_for_long_is_refused_at_once() -> None:
    slots = Slots(1, max_waiting=10)
    await slots.acquire(None)
    with pytest.raises(TimeoutError):
        await slots.acquire(0.2)  # longer than the next is patient: timers may come a moment early
    with pytest.raises(QueueFull):
        await slots.acquire(0.1)
    slots.release()
    await slots.acquire(0.05)


async def test_all_queues_together_are_bounded_too() -> None:
    crowd = Crowd(2)
    first, second = (Slots(1, max_waiting=10, crowd=crowd) for _ in range(2))
    tasks = []
    for slots in (first, second):
        await slots.acquire(None)
        tasks += await waiting(slots, 1)
    with pytest.raises(QueueFull):
        await first.acquire(1)
    first.release()
    await tasks[0]
    assert crowd.waiting == 1
    second.release()
    await tasks[1]
    assert crowd.waiting == 0
