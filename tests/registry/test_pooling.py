"""What one upstream's connections do otherwise than all others': said in its row, checked when it is said."""

from importlib import import_module
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from django.db import connection
from pytest_django import Settings

from auth_app.models import AuditEntry
from proxy_app.models import Called, Gateway, Route
from proxy_app.snapshot import routes
from proxy_app.snapshot.work import OWNERSHIP, REACHED_BY, gateway_entry
from proxy_app.upstream.limits import Options, Rules
from proxy_app.upstream.pool import Upstream
from tests.builders import a_gateway, a_route
from tests.registry.conftest import Caller
from tests.registry.test_bodies import fields

NEW: dict[str, dict[str, Any]] = {
    "gateways": {"name": "My upstream", "url": "https://mcp.example.com/mcp"},
    "routes": {"name": "My upstream", "upstreamUrl": "https://api.example.com/v1"},
}
MODELS: dict[str, type[Called]] = {"gateways": Gateway, "routes": Route}
BUILDERS = {"gateways": a_gateway, "routes": a_route}
CA = trustme.CA()
LEAF = CA.issue_cert("client.example.com")
AUTHORITY = CA.cert_pem.bytes().decode()
CERTIFICATE, KEY = LEAF.cert_chain_pems[0].bytes().decode(), LEAF.private_key_pem.bytes().decode()
OTHER_CERTIFICATE = CA.issue_cert("other.example.com").cert_chain_pems[0].bytes().decode()
NO_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
WITH_PASS_PHRASE = (
    load_pem_private_key(KEY.encode(), None)
    .private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x"))
    .decode()
)
IDENTITY = {"clientCert": CERTIFICATE, "clientKey": KEY}
SECRET = KEY.splitlines()[1]

both = pytest.mark.parametrize("slug", ["gateways", "routes"])


def in_the_snapshot(slug: str) -> Upstream:
    if slug == "routes":
        row = Route.objects.values(*OWNERSHIP, *routes.COLUMNS).get()
        route = routes.route_entry(row, {name: row[name] for name in OWNERSHIP}, ())
        assert route is not None
        assert route.readable
        return route.upstream
    gateway = gateway_entry(Gateway.objects.values(*OWNERSHIP, "slug", *REACHED_BY).get())
    assert gateway is not None
    assert gateway.endpoint.upstream is not None
    return gateway.endpoint.upstream


def stored(slug: str) -> Called:
    return MODELS[slug]._default_manager.get()


@both
def test_options_are_shown_as_they_were_set_and_reach_the_pool(admin: Caller, slug: str) -> None:
    options = {"maxConnections": 3, "readTimeout": 90.0, "breakerCounts": "unavailable", "verifyTls": False}
    made = admin.post(f"/{slug}", NEW[slug] | {"poolOptions": options}).json()
    assert made["poolOptions"] == options
    upstream = in_the_snapshot(slug)
    assert upstream.options.verify_tls is False
    rules = Rules().with_options(upstream.options)
    assert (rules.limits.max_connections, rules.timeouts.read) == (3, 90)
    assert (rules.timeouts.connect, rules.limits.max_pending) == (Rules().timeouts.connect, Rules().limits.max_pending)
    assert [rules.breaking.blames(status) for status in (499, 500, 501, 502, 503, 504, 505)] == (
        [False, False, False, True, True, True, False]
    )


def test_what_counts_as_a_failure_differs_by_kind_unless_it_is_said(admin: Caller) -> None:
    a_gateway()
    a_route()
    blamed = {slug: Rules().with_options(in_the_snapshot(slug).options).breaking.blames(503) for slug in NEW}
    assert blamed == {"gateways": True, "routes": False}


def test_whether_it_is_asked_how_it_is_is_said_of_a_gateway_only(admin: Caller) -> None:
    options = {"poolOptions": {"probe": False}}
    assert admin.post("/gateways", NEW["gateways"] | options).json()["poolOptions"] == {"probe": False}
    assert in_the_snapshot("gateways").options.probe is False
    assert fields(admin.post("/routes", NEW["routes"] | options)) == [("body", "poolOptions", "probe")]


@both
def test_new_options_replace_the_old_ones_and_other_changes_leave_them(admin: Caller, slug: str) -> None:
    path = f"/{slug}/{BUILDERS[slug](pool_options={'maxConnections': 3}).pk.hex}"
    answer = admin.put(path, {"poolOptions": {"maxPending": 0, "maxConnections": None}})
    assert answer.json()["poolOptions"] == {"maxPending": 0}
    assert admin.put(path, {"description": "d"}).json()["poolOptions"] == {"maxPending": 0}
    unchanged = in_the_snapshot(slug)
    assert admin.put(path, {"poolOptions": {"maxPending": 0}}).json()["version"] == unchanged.revision


@both
@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"poolOptions": {"maxConnections": 0}}, ("body", "poolOptions", "maxConnections")),
        ({"poolOptions": {"maxConnections": 2.5}}, ("body", "poolOptions", "maxConnections")),
        ({"poolOptions": {"maxPending": -1}}, ("body", "poolOptions", "maxPending")),
        ({"poolOptions": {"readTimeout": -1}}, ("body", "poolOptions", "readTimeout")),
        ({"poolOptions": {"readTimeout": "nan"}}, ("body", "poolOptions", "readTimeout")),
        ({"poolOptions": {"connectionLifetime": 86_401}}, ("body", "poolOptions", "connectionLifetime")),
        ({"poolOptions": {"breakerFailures": 1001}}, ("body", "poolOptions", "breakerFailures")),
        ({"poolOptions": {"breakerCounts": "some"}}, ("body", "poolOptions", "breakerCounts")),
        ({"poolOptions": {"surprise": 1}}, ("body", "poolOptions", "surprise")),
        ({"poolOptions": {"clientKey": KEY}}, ("body", "poolOptions", "clientKey")),
        ({"poolOptions": 3}, ("body", "poolOptions")),
        ({"caCertificate": "x"}, ("body", "caCertificate")),
        ({"caCertificate": NO_CERTIFICATE}, ("body", "caCertificate")),
        ({"caCertificate": AUTHORITY + KEY}, ("body", "caCertificate")),
        ({"clientCert": CERTIFICATE}, ("body", "clientKey")),
        ({"clientCert": CERTIFICATE, "clientKey": None}, ("body", "clientKey")),
        ({"clientKey": KEY}, ("body", "clientCert")),
        ({"clientCert": CERTIFICATE + KEY, "clientKey": KEY}, ("body", "clientCert")),
        ({"clientCert": NO_CERTIFICATE, "clientKey": KEY}, ("body", "clientCert")),
        ({"clientCert": CERTIFICATE, "clientKey": "*****"}, ("body", "clientKey")),
        ({"clientCert": CERTIFICATE, "clientKey": WITH_PASS_PHRASE}, ("body", "clientKey")),
        ({"clientCert": OTHER_CERTIFICATE, "clientKey": KEY}, ("body", "clientCert")),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(
    admin: Caller, slug: str, body: dict[str, Any], where: tuple[str, ...]
) -> None:
    answer = admin.post(f"/{slug}", NEW[slug] | body)
    assert answer.status_code == 422
    assert where in fields(answer)
    assert b"PRIVATE KEY-----" not in answer.content
    assert not MODELS[slug]._default_manager.exists()


@both
def test_a_number_out_of_bounds_is_told_the_bounds(admin: Caller, slug: str) -> None:
    answer = admin.post(f"/{slug}", NEW[slug] | {"poolOptions": {"maxConnections": 10_001}})
    assert answer.json()["detail"][0]["msg"] == "Allowed is a whole number from 1 to 10,000"


@both
def test_a_client_certificate_is_shown_and_its_key_never(
    admin: Caller, slug: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = admin.post(f"/{slug}", NEW[slug] | IDENTITY | {"caCertificate": AUTHORITY})
    assert (made.status_code, made.json()["clientKey"]) == (201, "*****")
    assert (made.json()["caCertificate"], made.json()["clientCert"]) == (AUTHORITY.strip(), CERTIFICATE.strip())
    path = f"/{slug}/{made.json()['id']}"
    entry = AuditEntry.objects.get(object_id=made.json()["id"])
    assert entry.changes["sealed_client_key"] == "changed"
    upstream = in_the_snapshot(slug)
    assert upstream.options.client_key == KEY.strip()
    seen = [made.content, admin.get(path).content, admin.get(f"/{slug}").content, repr(entry.changes).encode()]
    seen += [stored(slug).sealed_client_key.encode(), repr(upstream).encode(), caplog.text.encode()]
    assert not any(SECRET.encode() in text or b"PRIVATE KEY-----" in text for text in seen)
    answer = admin.put(path, {"clientCert": None, "clientKey": ""})
    assert (answer.json()["clientCert"], answer.json()["clientKey"]) == (None, None)
    assert stored(slug).sealed_client_key == ""
    assert AuditEntry.objects.latest("at").changes["sealed_client_key"] == "changed"


@both
def test_a_renewed_certificate_is_taken_for_the_stored_key_when_it_is_its_own(
    admin: Caller, slug: str, settings: Settings
) -> None:
    path = f"/{slug}/{admin.post(f'/{slug}', NEW[slug] | IDENTITY).json()['id']}"
    sealed = stored(slug).sealed_client_key
    with_chain = CERTIFICATE + AUTHORITY
    assert admin.put(path, {"clientCert": with_chain}).json()["clientCert"] == with_chain.strip()
    assert stored(slug).sealed_client_key == sealed
    refused = admin.put(path, {"clientCert": OTHER_CERTIFICATE})
    assert (refused.status_code, fields(refused)) == (422, [("body", "clientCert")])
    settings.ENCRYPTION_KEYS = ["another" * 8]
    refused = admin.put(path, {"clientCert": CERTIFICATE})
    assert (refused.status_code, fields(refused)) == (422, [("body", "clientKey")])


@both
def test_without_its_certificate_a_key_goes_too(admin: Caller, slug: str) -> None:
    path = f"/{slug}/{admin.post(f'/{slug}', NEW[slug] | IDENTITY).json()['id']}"
    answer = admin.put(path, {"clientCert": None}).json()
    assert (answer["clientCert"], answer["clientKey"], stored(slug).sealed_client_key) == (None, None, "")


@both
@pytest.mark.parametrize(
    "change",
    [
        {"poolOptions": {"maxPending": 1}},
        {"poolOptions": {"breakerCounts": "unavailable"}},
        {"caCertificate": AUTHORITY},
        IDENTITY,
    ],
)
def test_each_change_is_another_set_up_of_the_pool_with_a_higher_revision(
    admin: Caller, slug: str, change: dict[str, Any]
) -> None:
    path = f"/{slug}/{BUILDERS[slug]().pk.hex}"
    before = in_the_snapshot(slug)
    assert admin.put(path, change).status_code == 200
    after = in_the_snapshot(slug)
    assert after.key == before.key
    assert not after.is_set_up_like(before)
    assert after.revision > before.revision


@both
def test_a_key_that_none_of_ours_opens_closes_only_what_it_is_for(admin: Caller, slug: str, settings: Settings) -> None:
    admin.post(f"/{slug}", NEW[slug] | IDENTITY)
    settings.ENCRYPTION_KEYS = ["another" * 8]
    if slug == "gateways":
        assert gateway_entry(Gateway.objects.values(*OWNERSHIP, "slug", *REACHED_BY).get()) is None
    else:
        row = Route.objects.values(*OWNERSHIP, *routes.COLUMNS).get()
        route = routes.route_entry(row, {name: row[name] for name in OWNERSHIP}, ())
        assert route is not None
        assert not route.readable
        assert route.upstream.options == Options()


@pytest.mark.django_db
def test_time_outs_that_routes_had_by_themselves_become_options() -> None:
    """What migration 0009 does to each row, and takes back."""
    migration = import_module("proxy_app.migrations.0009_route_pools")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE proxy_app_route (id int, connect_timeout_ms int, timeout_ms int, stream_timeout_ms int,"
            " pool_options jsonb) ON COMMIT DROP"
        )
        cursor.execute("INSERT INTO proxy_app_route VALUES (1, NULL, NULL, NULL), (2, 1500, 20, NULL)")
        cursor.execute(migration.TAKE)
        cursor.execute("SELECT pool_options::text FROM proxy_app_route ORDER BY id")
        assert cursor.fetchall() == [("{}",), ('{"readTimeout": 0.1, "connectTimeout": 1.5}',)]
        cursor.execute(migration.GIVE_BACK)
        cursor.execute("SELECT connect_timeout_ms, timeout_ms, stream_timeout_ms FROM proxy_app_route ORDER BY id")
        assert cursor.fetchall() == [(None, None, None), (1500, 100, None)]
        cursor.execute("DROP TABLE pg_temp.proxy_app_route")


@both
def test_a_rate_limit_is_set_shown_and_taken_away(admin: Caller, slug: str) -> None:
    made = admin.post(f"/{slug}", NEW[slug] | {"rateLimit": " 10/second; 500/hour "}).json()
    assert made["rateLimit"] == "10/second; 500/hour"
    path = f"/{slug}/{made['id']}"
    assert admin.put(path, {"description": "x"}).json()["rateLimit"] == "10/second; 500/hour"
    assert admin.put(path, {"rateLimit": None}).json()["rateLimit"] is None


@both
def test_what_is_no_rate_limit_is_refused_with_what_is(admin: Caller, slug: str) -> None:
    answer = admin.post(f"/{slug}", NEW[slug] | {"rateLimit": "often"})
    (error,) = answer.json()["detail"]
    assert (answer.status_code, error["loc"]) == (422, ["body", "rateLimit"])
    assert "such as 100/minute" in error["msg"]
