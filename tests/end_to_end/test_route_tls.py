"""A proxy route with a private authority and a certificate of ours, in every worker, changed while they run."""

import asyncio
from typing import Any

import httpx
import pytest
import trustme

from auth_app.models import AuditEntry
from tests.end_to_end.test_workers import bearer, until
from tests.gateway_process import GatewayProcess
from tests.upstream.certificates import pem, serving
from tests.upstream.fakes import FakeUpstream, polite

pytestmark = pytest.mark.anyio


def told(theirs: trustme.CA, ours: trustme.CA, upstream: FakeUpstream) -> tuple[dict[str, Any], str]:
    """What an administrator sends about this upstream; and a line of the key, which nobody shall see."""
    identity = ours.issue_cert("gateway.example.com")
    key = identity.private_key_pem.bytes().decode()
    body = {
        "upstreamUrl": upstream.url,
        "caCertificate": pem(theirs),
        "clientCert": identity.cert_chain_pems[0].bytes().decode(),
        "clientKey": key,
    }
    return body, key.splitlines()[1]


def generations(gateway: GatewayProcess, token: str) -> list[int]:
    told = gateway.get("/ops/upstreams", token).json()["upstreams"]
    one = next(one for one in told if one["name"] == "tls")  # others' tests called others
    return [process["generation"] for process in one["processes"]]


async def test_every_worker_follows_new_certificates_and_opens_new_connections_when_asked(
    gateway: GatewayProcess, admin_token: str
) -> None:
    cas = [trustme.CA() for _ in range(4)]

    def use(**body: Any) -> httpx.Response:
        method, path = ("PUT", f"/routes/{body.pop('id')}") if "id" in body else ("POST", "/routes")
        return httpx.request(method, gateway.url + path, json=body, headers=bearer(admin_token), timeout=20)

    def served() -> bool:
        clients = gateway.workers().values()
        return all(client.get("/proxy/tls/x", headers=bearer(admin_token)).status_code == 200 for client in clients)

    async with FakeUpstream(polite, tls=serving(cas[0], clients=cas[1])) as upstream:
        first, first_key = told(cas[0], cas[1], upstream)
        made = await asyncio.to_thread(lambda: use(name="tls", **first))
        assert made.status_code == 201, made.text
        await asyncio.to_thread(until, served, 20)
    async with FakeUpstream(polite, tls=serving(cas[2], clients=cas[3])) as upstream:
        second, second_key = told(cas[2], cas[3], upstream)
        route_id = made.json()["id"]
        assert (await asyncio.to_thread(lambda: use(id=route_id, **second))).status_code == 200
        await asyncio.to_thread(until, served, 20)
        before = await asyncio.to_thread(generations, gateway, admin_token)
        recreate = f"{gateway.url}/ops/upstreams/route:{route_id}/recreate"
        answer = await asyncio.to_thread(lambda: httpx.post(recreate, headers=bearer(admin_token), timeout=20))
        assert (answer.status_code, answer.json()["everywhere"]) == (200, True)

        def renewed() -> bool:
            return served() and min(generations(gateway, admin_token)) > max(before)

        await asyncio.to_thread(until, renewed, 20)
    actions = await asyncio.to_thread(
        lambda: list(AuditEntry.objects.filter(object_kind="routes").order_by("at").values_list("action", flat=True))
    )
    assert actions == ["route.created", "route.updated", "route.pool_recreated"]
    changes = await asyncio.to_thread(lambda: repr(list(AuditEntry.objects.values_list("changes", flat=True))))
    for secret in (first_key, second_key, "PRIVATE KEY"):
        assert secret not in gateway.said()
        assert secret not in changes
