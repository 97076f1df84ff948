"""The keeper: fresh after a write, in time after others' writes, and again after every loss."""

import asyncio
import base64
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from pytest_django import Settings

from auth_app.models import ApiToken, Membership, User
from auth_app.policy import sees, visible_to
from auth_app.tokens.secrets import hash_secret
from gatewaysite.context import Phase, begin_background, phase, route_now
from gatewaysite.db import units
from gatewaysite.errors import Refused
from gatewaysite.phases import during
from gatewaysite.secrets import seal
from proxy_app.models import Gateway, Server, Tool
from proxy_app.observe import activity
from proxy_app.observe.board import CHANNEL as BOARD_CHANNEL
from proxy_app.observe.board import Board
from proxy_app.observe.seals import sealed, unsealed
from proxy_app.snapshot import keeper as keeper_module
from proxy_app.snapshot import work
from proxy_app.snapshot.entries import Snapshot
from proxy_app.snapshot.keeper import Keeper
from tests.builders import a_gateway, a_membership, a_server, a_team, a_token, a_tool, a_user

pytestmark = pytest.mark.anyio


async def done(change: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(change)


async def until(happened: Callable[[], Any], within_s: float) -> float:
    """How long it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < within_s, "it did not happen in time"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


def knows(keeper: Keeper, secret: str) -> bool:
    return hash_secret(secret) in keeper.snapshot.access.tokens


async def learns_of_a_new_token(keeper: Keeper) -> str:
    """Its secret, once the keeper knows it."""
    secret: str = await done(lambda: a_token(a_user()))
    await until(lambda: knows(keeper, secret), 5)
    return secret


@asynccontextmanager
async def following(keeper: Keeper) -> AsyncIterator[None]:
    """Started and listening, until the end."""
    await keeper.start()
    try:
        await until(lambda: keeper.listening, 5)
        yield
    finally:
        await keeper.stop()


LISTENERS = "FROM pg_stat_activity WHERE application_name = 'poolgate listener' AND datname = current_database()"


def kill_listener() -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(pg_terminate_backend(pid)) {LISTENERS}")
        return int(cursor.fetchone()[0])


def no_listener() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {LISTENERS}")
        return cursor.fetchone()[0] == 0


# --- What is loaded --------------------------------------------------------------------------------------------------


async def test_a_start_loads_everything_and_says_so(unstarted: Keeper) -> None:
    secret = await done(lambda: a_token(a_user()))
    await done(lambda: a_tool("echo", gateway=a_gateway("gw")))
    assert (unstarted.loaded, unstarted.age_s) == (False, float("inf"))
    await unstarted.start()
    try:
        assert unstarted.loaded
        assert unstarted.age_s < 2
        assert knows(unstarted, secret)
        assert list(unstarted.snapshot.registry.tools_by_name) == ["gw-echo"]
        await until(lambda: unstarted.listening, 5)
    finally:
        await unstarted.stop()


async def test_what_is_disabled_is_absent(kept: Keeper) -> None:
    def fill() -> None:
        gateway, off = a_gateway("gw"), a_gateway("off", enabled=False)
        live = a_tool("live", gateway=gateway)
        dead, orphan = a_tool("dead", gateway=gateway, enabled=False), a_tool("orphan", gateway=off)
        a_server("all", tools=(live, dead, orphan))
        a_server("closed", tools=(live,), enabled=False)

    await done(fill)
    await kept.check()
    registry = kept.snapshot.registry
    assert list(registry.tools_by_name) == ["gw-live"]
    assert [name for name, _ in registry.servers["all"][0].tools] == ["gw-live"]
    assert "closed" not in registry.servers
    await done(lambda: Gateway.objects.update(enabled=False))
    await kept.check()
    assert kept.snapshot.registry.tools_by_name == {}


async def test_tokens_that_do_not_count_are_absent(kept: Keeper) -> None:
    def fill() -> list[str]:
        user, locked = a_user(), a_user(is_active=False)
        revoked = a_token(user, revoked_at=datetime.now(UTC))
        return [a_token(user), revoked, a_token(locked)]

    live, revoked, locked = await done(fill)
    await kept.check()
    assert [knows(kept, secret) for secret in (live, revoked, locked)] == [True, False, False]


async def test_a_tokens_actor_is_what_the_policy_decides_on(kept: Keeper) -> None:
    def fill() -> tuple[str, Any, Any]:
        user = a_user("someone@example.com")
        team = a_team(owner=user)
        return a_token(user), user, team

    secret, user, team = await done(fill)
    await kept.check()
    entry = kept.snapshot.access.tokens[hash_secret(secret)]
    assert (entry.actor.user_id, entry.actor.email, entry.actor.is_admin) == (user.pk, "someone@example.com", False)
    own = user.personal_team.pk
    assert entry.actor.roles == {(team.pk, "owner"), (own, "owner")}
    assert entry.actor.personal_team_id == own
    assert entry.actor.share == ("team", team.pk.hex)
    assert entry.actor.token_id is not None
    await done(lambda: User.objects.update(is_admin=True))
    await done(lambda: Membership.objects.all().delete())
    await kept.check()
    entry = kept.snapshot.access.tokens[hash_secret(secret)]
    assert (entry.actor.is_admin, entry.actor.roles) == (True, frozenset())


async def test_memory_and_database_agree_on_who_sees_what(kept: Keeper) -> None:
    def fill() -> list[str]:
        people = [a_user(), a_user(), a_user(admin=True), a_user()]
        red, blue = a_team("red", owner=people[0]), a_team("blue", members=(people[1],))
        a_membership(red, people[3], "viewer")
        for number, visibility in enumerate(("public", "team", "private")):
            for team in (red, blue):
                for owner in people:
                    gateway = a_gateway(f"{visibility}{number}{team.slug}{owner.pk.hex}", visibility=visibility,
                                        team=team, owner=owner)  # fmt: skip
                    a_tool("t", gateway=gateway)
        return [a_token(person) for person in people]

    secrets = await done(fill)
    await kept.check()
    for secret in secrets:
        actor = kept.snapshot.access.tokens[hash_secret(secret)].actor
        query = Tool.objects.filter(visible_to(actor, "tools")).values_list("id", flat=True)
        in_database = set(await asyncio.to_thread(list, query))
        in_memory = {tool.id for tool in kept.snapshot.registry.tools.values() if sees(actor, tool)}
        assert in_memory == in_database
        assert len(in_memory) > 0


async def test_one_gateways_unreadable_credential_is_nobody_elses_trouble(kept: Keeper) -> None:
    def fill() -> None:
        a_tool("ok", gateway=a_gateway("good", sealed_headers=seal({"X-Key": "1"})))
        a_tool("ok", gateway=a_gateway("bad", sealed_headers="sealed with another key"))

    await done(fill)
    await kept.check()
    registry = kept.snapshot.registry
    assert [gateway.slug for gateway in registry.gateways.values()] == ["good"]
    assert sorted(registry.tools_by_name) == ["bad-ok", "good-ok"]


async def test_another_credential_or_address_is_another_endpoint(kept: Keeper) -> None:
    def endpoint() -> Any:
        return next(iter(kept.snapshot.registry.gateways.values())).endpoint

    await done(lambda: a_gateway("gw", era="modern"))
    await kept.check()
    first = endpoint()
    assert first.era == "modern"
    await done(lambda: Gateway.objects.update(sealed_headers=seal({"Authorization": "Bearer new"})))
    await kept.check()
    second = endpoint()
    assert second.headers == (("Authorization", "Bearer new"),)
    await done(lambda: Gateway.objects.update(url="https://elsewhere.example.com/mcp"))
    await kept.check()
    assert len({first.key, second.key, endpoint().key}) == 3


# --- Fresh in time ---------------------------------------------------------------------------------------------------


async def test_a_writer_reads_its_own_write(kept: Keeper) -> None:
    secret = await done(lambda: a_token(a_user()))
    await kept.check()
    assert knows(kept, secret)
    await done(lambda: ApiToken.objects.all().delete())
    await kept.check()
    assert not knows(kept, secret)


async def test_what_others_write_is_known_because_it_is_told(
    unstarted: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "POLL_S", 60)  # long after this test
    async with following(unstarted):
        secret = await learns_of_a_new_token(unstarted)
        await done(lambda: a_tool("echo", gateway=a_gateway("gw")))
        await until(lambda: "gw-echo" in unstarted.snapshot.registry.tools_by_name, 5)
        await done(lambda: ApiToken.objects.update(revoked_at=datetime.now(UTC)))
        await until(lambda: not knows(unstarted, secret), 5)


async def test_what_nobody_tells_is_found_by_looking(unstarted: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "CHANNEL", "somewhere_else")
    monkeypatch.setattr(keeper_module, "POLL_S", 0.3)
    async with following(unstarted):
        await learns_of_a_new_token(unstarted)


def test_looking_without_being_told_is_soon_enough_for_a_revoked_token() -> None:
    looks_again_after_s = keeper_module.POLL_S + keeper_module.OBSERVE_WITHIN_S
    assert looks_again_after_s + keeper_module.ANSWER_WITHIN_S + keeper_module.RECONNECT_S < 5


async def test_a_token_revoked_while_the_listener_dies_is_forgotten(kept: Keeper) -> None:
    secret = await done(lambda: a_token(a_user()))
    await until(lambda: kept.listening and knows(kept, secret), 5)

    def revoke_unheard() -> int:
        killed = kill_listener()
        ApiToken.objects.update(revoked_at=datetime.now(UTC))
        return killed

    assert await done(revoke_unheard) == 1
    assert await until(lambda: not knows(kept, secret), 5) < 5
    await until(lambda: kept.listening, 5)


async def test_the_loss_of_the_listener_is_told(kept: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "RECONNECT_S", 0.3)
    await until(lambda: kept.listening, 5)
    assert await done(kill_listener) == 1
    await until(lambda: not kept.listening, 5)
    assert kept.loaded
    await until(lambda: kept.listening, 5)


@pytest.mark.usefixtures("quick")
async def test_a_listener_that_dies_again_and_again_misses_nothing(kept: Keeper) -> None:
    for number in range(8):
        secret = await done(lambda: a_token(a_user()))
        await done(kill_listener)
        await until(lambda secret=secret: knows(kept, secret), 3)  # type: ignore[misc]
        assert len(kept.snapshot.access.tokens) == number + 1


async def test_a_rolled_back_change_is_never_seen(kept: Keeper) -> None:
    await until(lambda: kept.listening, 5)
    loads = kept.loads_total

    def change() -> None:
        with transaction.atomic():
            a_user()
            a_gateway()
            transaction.set_rollback(True)

    await done(change)
    await kept.check()
    await asyncio.sleep(0.1)
    assert (kept.loads_total, kept.snapshot.registry.gateways) == (loads, {})


# --- Watched ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Board:
    """One that nobody else has looked at."""
    settings.RUN_DIR = tmp_path
    board = Board()
    monkeypatch.setattr(keeper_module, "board", board)
    return board


def listener_pid() -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(pid) {LISTENERS}")
        return cursor.fetchone()[0]


def notify(channel: str, payload: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, payload])


async def test_nothing_that_is_sent_to_the_board_ends_the_following(board: Board, kept: Keeper) -> None:
    await until(lambda: kept.listening, 5)
    pid = await done(listener_pid)
    board.parts()  # somebody looks, so that parts are taken
    part = base64.b85encode(zlib.compress(b'{"edition":4}')).decode()
    for payload in (
        "",
        "ask",
        f"ask {'x' * 300}",
        "ask ../x:1",
        f"tell {part}",
        f"tell evil:1 {part}",
        "tell evil:1 ~",
    ):
        await asyncio.to_thread(notify, BOARD_CHANNEL, payload)
        await asyncio.to_thread(notify, BOARD_CHANNEL, sealed(payload))
    await learns_of_a_new_token(kept)
    assert (await done(listener_pid), kept.listening) == (pid, True)


@pytest.mark.parametrize("broken", ["hear", "exchange", "sample"])
async def test_a_bug_in_watching_does_not_end_the_following(
    board: Board, unstarted: Keeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    monkeypatch.setattr(keeper_module, "POLL_S", 0.2)
    called = 0

    def bug(*_: Any) -> None:
        nonlocal called
        called += 1
        raise ZeroDivisionError

    monkeypatch.setattr(activity if broken == "sample" else board, broken, bug)
    async with following(unstarted):
        pid = await done(listener_pid)
        board.parts()
        await done(lambda: notify(BOARD_CHANNEL, sealed("ask two:2")))
        await until(lambda: called, 5)
        await learns_of_a_new_token(unstarted)
        assert (await done(listener_pid), unstarted.listening) == (pid, True)
    told = [record for record in caplog.records if record.name == keeper_module.__name__]
    assert [record.exc_info is not None for record in told] == [True]


async def test_watching_that_hangs_is_given_up(unstarted: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_connection: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(activity, "sample", hang)
    async with following(unstarted):
        await learns_of_a_new_token(unstarted)


async def test_who_looks_is_answered_from_elsewhere_within_a_second(
    board: Board, kept: Keeper, settings: Settings
) -> None:
    await until(lambda: kept.listening, 5)
    url = settings.DATABASE_DIRECT_URL
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as elsewhere:
        await elsewhere.execute(f"LISTEN {BOARD_CHANNEL}")
        await asyncio.sleep(0.1)
        board.parts()
        began = time.monotonic()
        asked = [notification.payload async for notification in elsewhere.notifies(timeout=3, stop_after=1)]
    assert [unsealed(payload)[0] for payload in asked] == [f"ask {board.process}"]
    assert time.monotonic() - began < 1


async def test_loads_are_on_nobodys_account_but_the_snapshots(kept: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    await until(lambda: kept.listening, 5)
    await done(lambda: a_tool("echo", gateway=a_gateway("gw")))
    await until(lambda: "gw-echo" in kept.snapshot.registry.tools_by_name, 5)
    found: set[tuple[str, str]] = set()

    def load() -> Any:
        found.add((route_now(), phase.get()))
        return work.load_registry()

    def read() -> Any:
        found.add((route_now(), phase.get()))
        return {"registry": -1}

    monkeypatch.setitem(keeper_module.LOADERS, "registry", load)
    monkeypatch.setattr(work, "read_versions", read)
    begin_background("somebodys-request")
    with during(Phase.AUTH):
        await kept.look_again()
    assert found == {("snapshot", Phase.LOAD)}


# --- Cheap -----------------------------------------------------------------------------------------------------------


async def test_a_storm_of_changes_costs_few_loads(kept: Keeper) -> None:
    await until(lambda: kept.listening, 5)
    loads = kept.loads_total

    def storm() -> None:
        gateway = a_gateway("gw")
        for number in range(200):
            Gateway.objects.filter(pk=gateway.pk).update(url=f"https://example.com/{number}")

    await done(storm)
    await until(
        lambda: any(entry.endpoint.url.endswith("/199") for entry in kept.snapshot.registry.gateways.values()), 2
    )
    assert kept.loads_total - loads < 150


async def test_who_asks_while_a_load_runs_shares_the_next(kept: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    await until(lambda: kept.listening, 5)
    await asyncio.sleep(0.05)
    running, most, count = 0, 0, 0

    def slow_load() -> Any:
        nonlocal running, most, count
        running, count = running + 1, count + 1
        most = max(most, running)
        time.sleep(0.1)
        loaded = work.load_access()
        running -= 1
        return loaded

    monkeypatch.setitem(keeper_module.LOADERS, "access", slow_load)
    secret = await done(lambda: a_token(a_user()))
    await asyncio.gather(*(kept.check() for _ in range(50)))
    assert knows(kept, secret)
    assert most == 1
    assert count <= 3


async def test_five_hundred_who_meet_what_is_not_known_yet_share_one_look(
    kept: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    units: list[str] = []

    def counted(name: str, unit: Any) -> Any:
        def run() -> Any:
            units.append(name)
            return unit()

        return run

    monkeypatch.setattr(work, "read_versions", counted("versions", work.read_versions))
    for part, load in keeper_module.LOADERS.items():
        monkeypatch.setitem(keeper_module.LOADERS, part, counted(part, load))
    monkeypatch.setattr(kept, "snapshot", Snapshot())  # as if nothing had ever been loaded
    secret = await done(lambda: a_token(a_user()))
    units.clear()
    await asyncio.gather(*(kept.look_again() for _ in range(500)))
    assert knows(kept, secret)
    assert len(units) <= 6  # a look and a load of each part; the listener may have asked for them too


async def test_a_check_that_finds_nothing_new_loads_nothing(kept: Keeper) -> None:
    loads = kept.loads_total
    for _ in range(10):
        await kept.check()
    assert kept.loads_total == loads


async def test_guessing_costs_twenty_looks_a_second_at_most(kept: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    real = work.read_versions

    def counted() -> dict[str, int]:
        nonlocal looks
        looks += 1
        return real()

    monkeypatch.setattr(work, "read_versions", counted)
    end = time.monotonic() + 1

    async def guess() -> int:
        guesses = 0
        while time.monotonic() < end:
            await kept.look_again()
            guesses += 1
        return guesses

    guesses = sum(await asyncio.gather(*(guess() for _ in range(50))))
    assert guesses > looks * 10
    assert 1 <= looks <= 22


async def test_looks_do_not_pile_up_when_the_database_is_slow(kept: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0
    real = work.read_versions

    def slow() -> dict[str, int]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.2)
        running -= 1
        return real()

    monkeypatch.setattr(work, "read_versions", slow)
    monkeypatch.setattr(keeper_module, "LOOK_EVERY_S", 0.01)

    async def guess(after_s: float) -> None:
        await asyncio.sleep(after_s)
        await kept.look_again()

    await asyncio.gather(*(guess(number / 50) for number in range(30)))
    assert most == 1


async def test_a_caller_who_leaves_spoils_nobody_elses_look(kept: Keeper) -> None:
    secret = await done(lambda: a_token(a_user()))
    leaving = asyncio.create_task(kept.look_again())
    staying = asyncio.create_task(kept.look_again())
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert knows(kept, secret)


# --- In trouble ------------------------------------------------------------------------------------------------------


async def test_a_load_that_fails_leaves_what_there_was_and_is_tried_again(
    kept: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until(lambda: kept.listening, 5)

    def broken() -> Any:
        raise RuntimeError("a bug")

    await done(lambda: a_tool("echo", gateway=a_gateway("gw")))
    await until(lambda: "gw-echo" in kept.snapshot.registry.tools_by_name, 5)
    with monkeypatch.context() as patch:
        patch.setitem(keeper_module.LOADERS, "registry", broken)
        patch.setattr(keeper_module, "RECONNECT_S", 0.05)
        await done(lambda: a_gateway("new"))
        await until(lambda: not kept.listening, 5)
        assert "gw-echo" in kept.snapshot.registry.tools_by_name
    await until(lambda: len(kept.snapshot.registry.gateways) == 2, 5)


async def test_a_start_without_a_database_is_followed_by_one_as_soon_as_there_is(
    unstarted: Keeper, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    url, settings.DATABASE_DIRECT_URL = settings.DATABASE_DIRECT_URL, "postgresql://nobody@127.0.0.1:1/none"
    monkeypatch.setattr(keeper_module, "RECONNECT_S", 0.05)

    async def nobody_home(*args: object) -> None:
        raise OperationalError("nobody home")

    with monkeypatch.context() as patch:
        patch.setattr(keeper_module, "run_unit", nobody_home)
        await unstarted.start()
        assert not unstarted.loaded
    settings.DATABASE_DIRECT_URL = url
    try:
        await until(lambda: unstarted.loaded and unstarted.listening, 5)
    finally:
        await unstarted.stop()


async def test_a_check_without_a_database_is_a_refusal_with_a_time_to_come_back(
    kept: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    async def nobody_home(*args: object) -> None:
        raise OperationalError("nobody home") from psycopg.OperationalError("nobody home")

    monkeypatch.setattr(keeper_module, "run_unit", nobody_home)
    for ask in (kept.check, kept.look_again):
        with pytest.raises(Refused) as refusal:
            await ask()
        assert refusal.value.reason == "db_unavailable"
        assert refusal.value.retry_after_s in range(2, 5)


async def test_a_stopped_keeper_holds_no_connection(unstarted: Keeper) -> None:
    await unstarted.start()
    await until(lambda: unstarted.listening, 5)
    await unstarted.stop()
    give_up_at = time.monotonic() + 2
    while not await done(no_listener):
        assert time.monotonic() < give_up_at


async def test_the_listeners_connection_is_not_one_of_the_pool(kept: Keeper) -> None:
    await until(lambda: kept.listening, 5)
    assert units.pool_stats().get("requests_waiting", 0) == 0
    await asyncio.gather(*(units.run_unit(time.sleep, 0.05) for _ in range(20)))
    await done(lambda: Server.objects.count())
    assert kept.listening
