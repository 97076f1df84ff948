"""Two workers that share nothing but the database: what one is told, the other knows in time."""

import asyncio
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from auth_app.models import ApiToken, User
from proxy_app.models import Tool
from tests.builders import a_gateway, a_server, a_token, a_tool, a_user, an_admin
from tests.end_to_end.conftest import register, settled
from tests.federation.offering import a_tool as offered
from tests.federation.offering import offering
from tests.gateway_process import GatewayProcess
from tests.scripted_mcp import Call, ScriptedMcp

pytestmark = pytest.mark.anyio

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def tools(client: httpx.Client, token: str) -> list[str]:
    answer = client.post("/mcp", json=LIST, headers=bearer(token))
    return [tool["name"] for tool in answer.json()["result"]["tools"]]


def until(happened: Callable[[], Any], within_s: float) -> float:
    """How long it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < within_s, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began


def all_refuse(clients: Iterable[httpx.Client], token: str) -> bool:
    return all(client.post("/mcp", json=PING, headers=bearer(token)).status_code == 401 for client in clients)


def test_a_writer_reads_its_own_write_and_the_others_follow(gateway: GatewayProcess, admin_token: str) -> None:
    here, there = gateway.workers().values()
    gateway_row = a_gateway("gw")
    tool = a_tool("echo", gateway=gateway_row)
    for client in (here, there):
        until(lambda client=client: tools(client, admin_token) == ["gw-echo"], 5)  # type: ignore[misc]
    for enabled, expected in ((False, []), (True, ["gw-echo"])) * 3:
        query = {"activate": str(enabled).lower()}
        answer = here.post(f"/tools/{tool.pk.hex}/state", params=query, headers=bearer(admin_token))
        assert answer.status_code == 200, answer.text
        assert tools(here, admin_token) == expected  # at once
        until(lambda expected=expected: tools(there, admin_token) == expected, 5)  # type: ignore[misc]


def test_a_new_token_and_a_new_server_work_at_once_in_every_worker(gateway: GatewayProcess) -> None:
    for client in gateway.workers().values():
        token = a_token(a_user())
        assert client.get("/tools", headers=bearer(token)).status_code == 200
        with transaction.atomic():
            server = a_server(tools=(a_tool("echo", gateway=a_gateway()),))
        answer = client.post(f"/servers/{server.slug}/mcp", json=LIST, headers=bearer(token))
        assert len(answer.json()["result"]["tools"]) == 1


def test_a_revoked_token_is_refused_by_every_worker(gateway: GatewayProcess) -> None:
    clients = list(gateway.workers().values())
    token = a_token(a_user())
    assert not all_refuse(clients, token)
    ApiToken.objects.update(revoked_at=datetime.now(UTC))
    until(lambda: all_refuse(clients, token), 5)
    assert all(client.get("/tools", headers=bearer(token)).status_code == 401 for client in clients)


def change_while_the_listeners_die(change: str) -> None:
    """Both in one transaction: nobody is told of it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'poolgate listener' AND datname = current_database()"
        )
        assert cursor.fetchone()[0] == 2


def test_a_token_revoked_while_the_listeners_die_is_refused_within_five_seconds(gateway: GatewayProcess) -> None:
    clients = list(gateway.workers().values())
    token = a_token(a_user())
    assert not all_refuse(clients, token)
    change_while_the_listeners_die("UPDATE auth_app_apitoken SET revoked_at = now()")
    until(lambda: all_refuse(clients, token), 5)
    for client in clients:
        until(lambda client=client: client.get("/health").json()["snapshot"]["listening"], 5)  # type: ignore[misc]


def test_an_administrator_demoted_while_the_listeners_die_is_none_within_five_seconds(gateway: GatewayProcess) -> None:
    clients = list(gateway.workers().values())
    token = a_token(an_admin())

    def answers() -> set[int]:
        return {client.get("/ops/connections", headers=bearer(token)).status_code for client in clients}

    assert answers() == {200}
    change_while_the_listeners_die("UPDATE auth_app_user SET is_admin = false")
    until(lambda: answers() == {403}, 5)


def test_a_locked_person_is_refused_by_every_worker(gateway: GatewayProcess) -> None:
    clients = list(gateway.workers().values())
    token = a_token(a_user())
    assert not all_refuse(clients, token)
    User.objects.update(is_active=False)
    until(lambda: all_refuse(clients, token), 5)


def metric(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_of_both_workers_add_up_whichever_is_asked(gateway: GatewayProcess, admin_token: str) -> None:
    here, there = gateway.workers().values()
    name = 'mcp_server_operation_duration_seconds_count{mcp_method_name="ping",outcome="ok"}'

    def pings(client: httpx.Client) -> float:
        return metric(client.get("/metrics", headers=bearer(admin_token)).text, name)

    before = pings(here)
    for client, count in ((here, 3), (there, 4)):
        for _ in range(count):
            assert client.post("/mcp", json=PING, headers=bearer(admin_token)).status_code == 200
    assert pings(here) == pings(there) == before + 7

    def connections() -> float:
        return metric(there.get("/metrics", headers=bearer(admin_token)).text, "db_client_connection_max")

    until(lambda: connections() == 20, 5)  # gauges are published every second


def test_a_killed_worker_is_replaced_and_the_other_serves_meanwhile(gateway: GatewayProcess, admin_token: str) -> None:
    clients = gateway.workers()
    victim, survivor = clients
    os.kill(victim, signal.SIGKILL)
    for _ in range(20):
        answer = clients[survivor].post("/mcp", json=PING, headers=bearer(admin_token))
        assert answer.status_code == 200
    until(lambda: set(gateway.workers()) - {victim, survivor}, 30)
    for client in gateway.workers().values():
        assert client.post("/mcp", json=PING, headers=bearer(admin_token)).status_code == 200


async def test_a_worker_killed_in_the_middle_of_a_registration_loses_nothing(
    gateway: GatewayProcess, admin_token: str
) -> None:
    reached, hang = asyncio.Event(), True

    async def list_tools(call: Call) -> None:
        reached.set()
        if hang:
            await call.wait_for_hang_up()
        else:
            await call.result({"tools": [offered("echo")]})

    script = offering({}, capabilities={"tools": {}}, instead={"tools/list": list_tools})
    async with ScriptedMcp(script, handshake=False) as upstream:
        row_id = await asyncio.to_thread(register, gateway, admin_token, upstream.url)
        await asyncio.wait_for(reached.wait(), 30)
        hang = False
        await asyncio.to_thread(kill_the_worker_at_work, gateway)
        row = await asyncio.to_thread(settled, gateway, admin_token, row_id)
    assert row["status"] == "active"
    assert await asyncio.to_thread(Tool.objects.count) == 1


def kill_the_worker_at_work(gateway: GatewayProcess) -> None:
    """SIGKILL to the process whose job runs; then the minute's rescue comes at once instead of in a minute."""
    busy = [pid for pid, client in gateway.workers().items() if client.get("/health").json()["upstream"]["in_flight"]]
    assert len(busy) == 1, busy
    os.kill(busy[0], signal.SIGKILL)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = 'epoch'"
            " WHERE id IN (SELECT worker_id FROM procrastinate_jobs WHERE status = 'doing')"
        )
    with suppress(AlreadyEnqueued):
        app.configure_task("rescue_stalled_jobs", queue="gateway").defer(timestamp=0)


def test_a_rate_limit_holds_for_both_workers_and_both_planes_together(gateway: GatewayProcess) -> None:
    limited, free = a_user(), a_user()
    token, other = a_token(limited, rate_limit="60/day"), a_token(free)
    for client in gateway.workers().values():
        until(lambda client=client: client.get("/tools", headers=bearer(other)).status_code == 200, 5)  # type: ignore[misc]
    ways = [("POST", "/mcp", PING), ("GET", "/tools", None)]
    clients = list(gateway.workers().values())

    def ask(number: int) -> httpx.Response:
        method, path, body = ways[number // 2 % 2]
        return clients[number % 2].request(method, path, json=body, headers=bearer(token))

    answers = [ask(number) for number in range(150)]
    told = Counter(answer.status_code for answer in answers)
    # What one of two workers has drawn and does not need is an eighth of what was left at most.
    assert set(told) == {200, 429}
    assert 60 - 60 // 8 <= told[200] <= 60
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["x-ratelimit-limit-requests"] == "60"
    assert int(refused.headers["retry-after"]) >= 1
    assert all(client.get("/tools", headers=bearer(other)).status_code == 200 for client in clients)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(used) FROM proxy_app_ratecount")
        (drawn,) = cursor.fetchone()
    assert drawn >= 60
