"""Two workers: a refusal has one id whichever says no, and one row; a file of the audit comes whole."""

import asyncio
import json

import httpx
import pytest

from auth_app.models import AuditEntry, Denial
from tests.builders import a_gateway, a_token, a_tool, a_user
from tests.end_to_end.test_workers import bearer, until
from tests.gateway_process import GatewayProcess

pytestmark = pytest.mark.anyio


async def test_a_caller_in_a_loop_has_one_id_a_minute_and_one_row_for_it(
    gateway: GatewayProcess, admin_token: str
) -> None:
    looks = await asyncio.to_thread(_a_tool_and_somebody_who_looks)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "gw-echo"}}

    def denied(client: httpx.Client) -> str:
        answer = client.post("/mcp", json=call, headers=bearer(looks))
        assert answer.status_code == 403, answer.text
        return str(answer.json()["error"]["data"]["decision_id"])

    def loop() -> set[str]:
        return {denied(client) for client in gateway.workers().values() for _ in range(20)}

    await asyncio.to_thread(until, lambda: _sees(gateway, looks), 20)
    keys = await asyncio.to_thread(loop)
    assert len(keys) <= 2  # when a minute has just ended

    def told() -> list[int]:
        answers = [gateway.get(f"/explain/{key}", admin_token) for key in keys]
        return [answer.json()["count"] for answer in answers if answer.status_code == 200]

    await asyncio.to_thread(until, lambda: sum(told()) == 40, 10)
    assert await asyncio.to_thread(Denial.objects.count) == len(keys)
    entries = AuditEntry.objects.filter(action="access.denied")
    assert await asyncio.to_thread(entries.count) == len(keys)
    assert 'gateway_policy_decisions_total{effect="deny",mode="enforce",rule="token_permissions"} 40.0' in (
        await asyncio.to_thread(lambda: gateway.get("/metrics", admin_token).text)
    )


async def test_a_file_of_the_audit_comes_whole(gateway: GatewayProcess, admin_token: str) -> None:
    def fill() -> None:
        AuditEntry.objects.bulk_create(
            AuditEntry(actor_email="a@example.com", action="tool.updated", object_kind="tools", object_name=str(number))
            for number in range(2_500)
        )

    await asyncio.to_thread(fill)
    answer = await asyncio.to_thread(gateway.get, "/audit/export?kind=tools", admin_token)
    assert answer.headers["content-disposition"].startswith("attachment")
    names = [json.loads(line)["object_name"] for line in answer.text.splitlines()]
    assert sorted(names, key=int) == [str(number) for number in range(2_500)]


def _a_tool_and_somebody_who_looks() -> str:
    a_tool("echo", gateway=a_gateway("gw"))
    return a_token(a_user(), permissions=["*.read"])


def _sees(gateway: GatewayProcess, token: str) -> bool:
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answers = [client.post("/mcp", json=ask, headers=bearer(token)) for client in gateway.workers().values()]
    return all(answer.status_code == 200 and answer.json()["result"]["tools"] for answer in answers)
