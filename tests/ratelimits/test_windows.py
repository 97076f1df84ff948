"""Windows of several processes that draw from one counter: none lets too many through, and few wait for it."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping

import pytest

from gatewaysite.errors import RateLimited
from gatewaysite.rates import Rate, rates_of, told
from proxy_app.ratelimits import admission as module
from proxy_app.ratelimits.admission import Admission
from proxy_app.ratelimits.counters import Counters
from proxy_app.ratelimits.windows import PARTS

pytestmark = pytest.mark.anyio

NOW = 1_800_000_030.0  # in the middle of a minute


class Shared:
    """What the store of all processes does, in memory; it may be slow, or away."""

    def __init__(self) -> None:
        self.used: dict[tuple[str, int], int] = {}
        self.asked = 0
        self.takes_s = 0.0
        self.away = False

    async def add(self, asked: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.away:
            raise OSError("away")
        for window, count in asked.items():
            self.used[window] = self.used.get(window, 0) + count
        return {window: self.used[window] for window in asked}

    async def close(self) -> None:
        pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets what time it is for windows; it stands still otherwise."""
    now = [NOW]
    monkeypatch.setattr("proxy_app.ratelimits.admission.time.time", lambda: now[0])

    def set_to(seconds: float) -> None:
        now[0] = seconds

    return set_to


@pytest.fixture
def store() -> Shared:
    return Shared()


def minute(amount: int, kind: str = "token") -> Rate:
    return Rate(kind, "x", amount, 60)


async def admit(process: Admission, *rates: Rate) -> dict[bytes, bytes]:
    return dict((await process.admit(rates)).headers())


async def goes(process: Admission, *rates: Rate) -> bool:
    try:
        await process.admit(rates)
    except RateLimited:
        return False
    return True


@pytest.mark.parametrize("amount", [1, 2, 7, 8, 60, 1000])
@pytest.mark.parametrize("processes", [1, 2, 5])
@pytest.mark.parametrize("at_once", [1, 20])
async def test_all_processes_together_let_through_what_the_rule_says(
    store: Shared, clock: object, amount: int, processes: int, at_once: int
) -> None:
    """Not one more; and as long as each of them is asked, not one less."""
    those = [Admission(Counters(store)) for _ in range(processes)]
    chance = random.Random(amount * processes)

    async def ask_often() -> int:
        times = (2 * amount + 50 * processes) // at_once + 1
        return sum([await goes(chance.choice(those), minute(amount)) for _ in range(times)])

    gone = sum(await asyncio.gather(*(ask_often() for _ in range(at_once))))
    for process in those:  # what is in stock somewhere goes there
        while await goes(process, minute(amount)):
            gone += 1
    assert gone == amount


async def test_of_many_requests_few_wait_for_the_counter(store: Shared, clock: object) -> None:
    process = Admission(Counters(store))
    for _ in range(10_000):
        await process.admit([minute(10_000)])
    assert store.asked < 100
    asked = store.asked
    assert not any([await goes(process, minute(10_000)) for _ in range(100)])
    assert store.asked == asked  # and of those that are refused, none


async def test_a_process_keeps_an_eighth_from_the_others_at_most(store: Shared, clock: object) -> None:
    idle, busy = Admission(Counters(store)), Admission(Counters(store))
    await idle.admit([minute(800)])
    gone = sum([await goes(busy, minute(800)) for _ in range(900)])
    assert 800 - 800 // PARTS <= gone < 800


async def test_a_new_window_begins_with_all_of_it(store: Shared, clock: Callable[[float], None]) -> None:
    process = Admission(Counters(store))
    assert [await goes(process, minute(2)) for _ in range(3)] == [True, True, False]
    clock(NOW + 29)
    assert not await goes(process, minute(2))
    clock(NOW + 30)
    assert [await goes(process, minute(2)) for _ in range(3)] == [True, True, False]


async def test_a_clock_that_was_ahead_for_a_moment_shuts_nobody_out(
    store: Shared, clock: Callable[[float], None]
) -> None:
    process = Admission(Counters(store))
    clock(NOW + 3600)
    assert await goes(process, minute(5))
    clock(NOW)
    assert [await goes(process, minute(5)) for _ in range(6)] == [True] * 5 + [False]


async def test_a_refusal_says_which_limit_and_when_to_come_back(store: Shared, clock: object) -> None:
    process = Admission(Counters(store))
    await process.admit([minute(1, "team")])
    with pytest.raises(RateLimited) as caught:
        await process.admit([minute(1, "team")])
    error = caught.value
    assert error.message == "The limit of 1 per minute for this team is used up; try again in 30 s."
    assert (error.status, error.reason, error.retry_after_s in range(30, 40)) == (429, "rate_limited", True)
    assert error.headers == {
        "x-ratelimit-limit-requests": "1",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "30s",
    }


async def test_what_one_limit_refuses_counts_for_none(store: Shared, clock: object) -> None:
    process = Admission(Counters(store))
    wide, narrow = minute(10), minute(1, "team")
    assert [await goes(process, wide, narrow) for _ in range(5)] == [True, False, False, False, False]
    assert [await goes(process, wide) for _ in range(10)] == [True] * 9 + [False]


async def test_what_a_later_limit_refuses_counts_for_the_earlier_ones_neither(store: Shared, clock: object) -> None:
    process = Admission(Counters(store))
    wide, narrow = minute(10), minute(1, "route")
    admitted = await process.admit([wide])
    await admitted.count([narrow])
    for _ in range(20):
        refused = await process.admit([wide])
        with pytest.raises(RateLimited):
            await refused.count([narrow])
        assert refused.headers() == ()
    assert [await goes(process, wide) for _ in range(10)] == [True] * 9 + [False]


async def test_the_headers_tell_of_the_limit_with_the_least_left(store: Shared, clock: object) -> None:
    process = Admission(Counters(store))
    hour = Rate("token", "x", 1000, 3600)
    for _ in range(3):
        headers = await admit(process, hour, minute(10))
    assert headers == {
        b"x-ratelimit-limit-requests": b"10",
        b"x-ratelimit-remaining-requests": b"7",
        b"x-ratelimit-reset-requests": b"30s",
    }
    assert await admit(process) == {}


async def test_while_the_counter_is_away_each_process_counts_for_itself(
    store: Shared, clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    store.away = True
    those = [Admission(Counters(store)) for _ in range(2)]
    for process in those:
        assert sum([await goes(process, minute(100)) for _ in range(200)]) == 100
    assert store.asked <= 4  # it was left alone after the first time
    assert len(caplog.records) == 2


async def test_what_was_counted_alone_is_told_when_the_counter_is_back(
    store: Shared, clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_app.ratelimits.counters.AWAY_S", 0.0)
    process, other = Admission(Counters(store)), Admission(Counters(store))
    store.away = True
    assert all([await goes(process, minute(100)) for _ in range(60)])
    store.away = False
    number = 0
    while not process.counters.is_shared:
        await goes(process, Rate("route", str(number := number + 1), 5, 60))
        await asyncio.sleep(0)
    gone = 60 + sum([await goes(process, minute(100)) for _ in range(200)])
    assert gone == 100
    assert not await goes(other, minute(100))


async def test_a_counter_that_hangs_is_not_waited_for(
    store: Shared, clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_app.ratelimits.counters.WITHIN_S", 0.02)
    monkeypatch.setattr("proxy_app.ratelimits.counters.AWAY_S", 0.05)
    store.takes_s = 10
    counters = Counters(store)
    process = Admission(counters)
    async with asyncio.timeout(5):
        assert sum([await goes(process, minute(100)) for _ in range(200)]) == 100
        assert not counters.is_shared
        began = time.monotonic()
        await process.admit([minute(5, "team")])
        assert time.monotonic() - began < 0.02  # nobody waits a second time
        store.takes_s = 0
        number = 0
        while not counters.is_shared:  # it is asked again, beside the requests
            await process.admit([Rate("route", str(number := number + 1), 5, 60)])
            await asyncio.sleep(0.01)


async def test_who_leaves_while_waiting_leaves_the_others_what_was_drawn(store: Shared, clock: object) -> None:
    store.takes_s = 0.02
    process = Admission(Counters(store))
    waiting = [asyncio.create_task(goes(process, minute(3))) for _ in range(3)]
    await asyncio.sleep(0.005)
    waiting[0].cancel()
    assert await asyncio.gather(*waiting[1:]) == [True, True]
    assert await goes(process, minute(3))
    assert not await goes(process, minute(3))


async def test_there_is_an_end_to_the_subjects_that_are_kept(
    store: Shared, clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOWS_KEPT", 20)
    process = Admission(Counters(store))
    for number in range(100):
        await process.admit([Rate("token", str(number), 5, 86_400)])
    assert len(process._windows) <= 20


async def test_subjects_of_windows_that_ended_are_forgotten(
    store: Shared, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOWS_KEPT", 10)
    process = Admission(Counters(store))
    for number in range(10):
        await process.admit([Rate("token", str(number), 5, 60)])
    clock(NOW + 60)
    await process.admit([Rate("token", "one more", 5, 60)])
    assert len(process._windows) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("100/minute", [(100, 60)]),
        ("10/second; 5000/hour", [(10, 1), (5000, 3600)]),
        ("5 per 2 hours", [(5, 7200)]),
        ("100/day; 50/day; 3/minute", [(3, 60), (50, 86_400)]),
    ],
)
async def test_limits_are_read_as_people_write_them(text: str, found: list[tuple[int, int]]) -> None:
    assert [(rate.amount, rate.seconds) for rate in rates_of("token", "x", text)] == found


@pytest.mark.parametrize(
    "text", ["many", "0/minute", "-1/minute", "5/year", "1/", "100", "5/minute;x", "9" * 30 + "/day"]
)
async def test_what_is_no_limit_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="such as 100/minute"):
        rates_of("token", "x", text)


async def test_a_limit_is_told_in_words() -> None:
    assert [told(Rate("token", "x", 5, seconds)) for seconds in (1, 90, 60, 7200, 86400)] == [
        "5 per second", "5 per 90 seconds", "5 per minute", "5 per 2 hours", "5 per day",
    ]  # fmt: skip
