"""What one gateway's connections do otherwise than all others': said in its row, checked when it is said."""

from typing import Any

import pytest
import trustme

from auth_app.models import AuditEntry
from proxy_app.models import Gateway
from proxy_app.snapshot.work import OWNERSHIP, REACHED_BY, gateway_entry
from proxy_app.upstream.limits import Rules
from proxy_app.upstream.mcp import Endpoint
from tests.builders import a_gateway
from tests.registry.conftest import Caller
from tests.registry.test_bodies import fields

NEW = {"name": "My gateway", "url": "https://mcp.example.com/mcp"}
CA = trustme.CA()
LEAF = CA.issue_cert("client.example.com")
AUTHORITY = CA.cert_pem.bytes().decode()
CERTIFICATE, KEY = LEAF.cert_chain_pems[0].bytes().decode(), LEAF.private_key_pem.bytes().decode()


def endpoint_in_the_snapshot() -> Endpoint:
    entry = gateway_entry(Gateway.objects.values(*OWNERSHIP, "slug", *REACHED_BY).get())
    assert entry is not None
    return entry.endpoint


def test_options_are_shown_as_they_were_set_and_reach_the_pool(admin: Caller) -> None:
    options = {"maxConnections": 3, "readTimeout": 90.0, "probe": False}
    made = admin.post("/gateways", NEW | {"poolOptions": options}).json()
    assert made["poolOptions"] == options
    endpoint = endpoint_in_the_snapshot()
    assert endpoint.timeout_s == 90
    assert endpoint.upstream is not None
    assert endpoint.upstream.options.probe is False
    rules = Rules().with_options(endpoint.upstream.options)
    assert (rules.limits.max_connections, rules.timeouts.read) == (3, 90)
    assert rules.timeouts.connect == Rules().timeouts.connect


def test_new_options_replace_the_old_ones_and_other_changes_leave_them(admin: Caller) -> None:
    gateway = a_gateway(pool_options={"maxConnections": 3})
    answer = admin.put(f"/gateways/{gateway.pk.hex}", {"poolOptions": {"maxPending": 0, "maxConnections": None}})
    assert answer.json()["poolOptions"] == {"maxPending": 0}
    assert admin.put(f"/gateways/{gateway.pk.hex}", {"description": "d"}).json()["poolOptions"] == {"maxPending": 0}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"poolOptions": {"maxConnections": 0}}, ("body", "poolOptions", "maxConnections")),
        ({"poolOptions": {"readTimeout": -1}}, ("body", "poolOptions", "readTimeout")),
        ({"poolOptions": {"surprise": 1}}, ("body", "poolOptions", "surprise")),
        ({"poolOptions": 3}, ("body", "poolOptions")),
        ({"caCertificate": "x"}, ("body", "caCertificate")),
        ({"caCertificate": "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"}, ("body", "caCertificate")),
        ({"clientCert": CERTIFICATE}, ("body", "clientKey")),
        ({"clientKey": KEY}, ("body", "clientCert")),
        ({"clientCert": CERTIFICATE, "clientKey": "*****"}, ("body", "clientKey")),
        ({"clientCert": CERTIFICATE, "clientKey": CA.private_key_pem.bytes().decode()}, ("body", "clientCert")),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(admin: Caller, body: dict[str, Any], where: tuple[str, ...]) -> None:
    answer = admin.post("/gateways", NEW | body)
    assert answer.status_code == 422
    assert where in fields(answer)
    assert b"PRIVATE KEY" not in answer.content
    assert not Gateway.objects.exists()


def test_a_client_certificate_is_shown_and_its_key_never(admin: Caller) -> None:
    made = admin.post("/gateways", NEW | {"caCertificate": AUTHORITY, "clientCert": CERTIFICATE, "clientKey": KEY})
    assert (made.status_code, made.json()["clientKey"]) == (201, "*****")
    assert made.json()["caCertificate"] == AUTHORITY.strip()
    row = Gateway.objects.get()
    assert "PRIVATE" not in row.sealed_client_key
    assert AuditEntry.objects.get(object_id=made.json()["id"]).changes["sealed_client_key"] == "changed"
    endpoint = endpoint_in_the_snapshot()
    assert endpoint.upstream is not None
    assert endpoint.upstream.options.client_key == KEY.strip()
    assert KEY.splitlines()[1] not in repr(endpoint)
    answer = admin.put(f"/gateways/{row.pk.hex}", {"clientCert": None, "clientKey": ""})
    assert (answer.json()["clientCert"], answer.json()["clientKey"]) == (None, None)
