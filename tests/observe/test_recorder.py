"""The recorder: every call becomes one row, and nobody waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError
from pytest_django import Settings

from gatewaysite.db.units import stop_units
from proxy_app.models import Agent, Call
from proxy_app.observe import recorder as recorder_module
from proxy_app.observe import work
from proxy_app.observe.recorder import Recorder
from proxy_app.observe.records import CallRecord
from proxy_app.observe.work import recent_calls
from tests.builders import a_user, an_agent

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("db")]


def a_record(name: str = "echo", **values: Any) -> CallRecord:
    defaults: dict[str, Any] = {
        "at": datetime.now(UTC),
        "request_id": "request-1234",
        "user_id": None,
        "token_id": None,
        "method": "tools/call",
        "tool_id": None,
        "tool_name": name,
        "server_id": None,
        "gateway_id": None,
        "outcome": "ok",
        "duration_ms": 1.5,
        "upstream_ms": None,
    }
    return CallRecord(**defaults | values)


def names() -> list[str]:
    return list(Call.objects.order_by("id").values_list("tool_name", flat=True))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "EVERY_S", 0.02)


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    recorder.start()
    try:
        yield recorder
    finally:
        await recorder.stop()
        await stop_units()


async def until(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        await asyncio.sleep(0.005)


@dataclass
class Copies:
    """Stands in front of the real COPY; fails as long as it is told to, before or after the rows are stored."""

    fails: bool = False
    batches: list[int] = field(default_factory=list)
    real: Callable[[Iterable[CallRecord]], None] = work.copy_calls

    def __call__(self, records: list[CallRecord]) -> None:
        self.batches.append(len(records))
        if self.fails:
            raise OperationalError("the database is away")
        self.real(records)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> Copies:
    copies = Copies()
    monkeypatch.setattr(work, "copy_calls", copies)
    return copies


async def test_a_call_becomes_a_row_with_everything_that_was_recorded() -> None:
    ids: dict[str, UUID] = {key: uuid4() for key in ("user_id", "token_id", "tool_id", "server_id", "gateway_id")}
    record = a_record("gw-écho\t\\N", outcome="upstream_timeout", duration_ms=12.25, upstream_ms=11.5, **ids)
    async with recording() as recorder:
        recorder.add(record)
        await until(lambda: recorder.written_total == 1)
    row = await Call.objects.values(*CallRecord._fields).aget()
    assert CallRecord(**row) == record


async def test_calls_arrive_in_their_order_and_in_batches(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "BATCH", 40)
    async with recording() as recorder:
        for number in range(100):
            recorder.add(a_record(str(number)))
        await until(lambda: recorder.written_total == 100)
    assert await asyncio.to_thread(names) == [str(number) for number in range(100)]
    assert copies.batches == [40, 40, 20]


async def test_a_full_queue_drops_the_oldest_and_counts_them(copies: Copies, settings: Settings) -> None:
    settings.RECORD_QUEUE_SIZE = 10
    recorder = Recorder()
    for number in range(25):
        recorder.add(a_record(str(number)))
    assert (recorder.waiting, recorder.dropped_total) == (10, 15)
    recorder.start()
    await recorder.stop()
    await stop_units()
    assert await asyncio.to_thread(names) == [str(number) for number in range(15, 25)]


async def test_calls_wait_while_the_database_is_away_and_arrive_once_when_it_is_back(copies: Copies) -> None:
    copies.fails = True
    async with recording() as recorder:
        for number in range(5):
            recorder.add(a_record(str(number)))
        await until(lambda: len(copies.batches) >= 3)
        recorder.add(a_record("5"))
        assert (recorder.written_total, recorder.dropped_total) == (0, 0)
        copies.fails = False
        await until(lambda: recorder.written_total == 6)
    assert await asyncio.to_thread(names) == ["0", "1", "2", "3", "4", "5"]


async def test_an_outage_longer_than_the_queue_loses_the_oldest_only(
    copies: Copies, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RECORD_QUEUE_SIZE = 10
    monkeypatch.setattr(recorder_module, "BATCH", 3)
    copies.fails = True
    async with recording() as recorder:
        for number in range(30):
            recorder.add(a_record(str(number)))
            await asyncio.sleep(0.005)
            assert recorder.waiting <= 20  # the queue, and as many being written
        await until(lambda: recorder.waiting == 10)
        copies.fails = False
        await until(lambda: recorder.waiting == 0 and recorder.written_total > 0)
        assert recorder.written_total + recorder.dropped_total == 30
    stored = [int(name) for name in await asyncio.to_thread(names)]
    assert stored == sorted(set(stored))
    assert stored[-7:] == list(range(23, 30))  # three were under way and may be older


@pytest.mark.parametrize("bad", [{"tool_name": "nul\x00"}, {"outcome": "x" * 31}, {"method": "x" * 61}])
async def test_a_record_the_database_will_never_take_takes_few_others_with_it(
    copies: Copies, monkeypatch: pytest.MonkeyPatch, bad: dict[str, Any]
) -> None:
    monkeypatch.setattr(recorder_module, "BATCH", 3)
    async with recording() as recorder:
        rows: list[dict[str, Any]] = [
            {"tool_name": "a"},
            {"tool_name": "b"},
            bad,
            {"tool_name": "c"},
            {"tool_name": "d"},
        ]
        for values in rows:
            recorder.add(a_record()._replace(**values))
        await until(lambda: recorder.waiting == 0 and recorder.written_total + recorder.dropped_total == 5)
    assert (await asyncio.to_thread(names))[-2:] == ["c", "d"]
    assert recorder.dropped_total >= 1


async def test_what_is_left_is_written_at_the_end() -> None:
    recorder = Recorder()
    recorder.start()
    await asyncio.sleep(0)
    for number in range(10):
        recorder.add(a_record(str(number)))
    await recorder.stop()
    await stop_units()
    assert len(await asyncio.to_thread(names)) == 10


async def test_the_end_does_not_wait_for_a_database_that_is_away(
    copies: Copies, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "GIVE_UP_AFTER_S", 0.2)

    def hang(records: object) -> None:
        time.sleep(0.6)
        raise OperationalError("the database is away")

    monkeypatch.setattr(work, "copy_calls", hang)
    recorder = Recorder()
    recorder.start()
    recorder.add(a_record())
    began = time.monotonic()
    await recorder.stop()
    assert time.monotonic() - began < 0.5
    assert "calls were not recorded before the end" in caplog.text
    await stop_units()


async def test_adding_never_waits() -> None:
    recorder = Recorder()
    began = time.process_time()
    for _ in range(10_000):
        recorder.add(a_record())
    assert time.process_time() - began < 1


def test_each_sees_their_own_calls_and_administrators_all() -> None:
    me, other, admin = a_user(), a_user(), a_user(admin=True)
    work.copy_calls([a_record("mine", user_id=me.pk), a_record("theirs", user_id=other.pk), a_record("nobodys")])
    work.copy_calls([a_record("mine too", user_id=me.pk), a_record("a list", user_id=me.pk, method="tools/list")])

    def seen(user: Any, limit: int = 10) -> list[str]:
        from auth_app.actor import Actor

        return [call["tool_name"] for call in recent_calls(Actor(user.pk, user.email, user.is_admin), limit)]

    assert sorted(seen(me)) == ["mine", "mine too"]
    assert seen(other) == ["theirs"]
    assert len(seen(admin)) == 4
    assert len(seen(admin, 2)) == 2


async def test_an_agents_last_answer_is_noted_and_never_goes_back() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    talked, silent = [await asyncio.to_thread(an_agent) for _ in range(2)]
    async with recording() as recorder:
        recorder.add(a_record(agent_id=talked.pk, at=late))
        recorder.add(a_record(agent_id=talked.pk, at=early))
        recorder.add(a_record(agent_id=silent.pk, at=late, outcome="upstream_timeout"))
    async with recording() as recorder:
        recorder.add(a_record(agent_id=talked.pk, at=early))
    found = await asyncio.to_thread(lambda: dict(Agent.objects.values_list("pk", "last_interaction")))
    assert found == {talked.pk: late, silent.pk: None}
