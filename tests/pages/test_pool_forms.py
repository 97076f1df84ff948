"""Connections, time-outs and TLS of one upstream in the forms of every kind that is called."""

import re
from typing import Any

import pytest
from pytest_django import Settings

from auth_app.models import AuditEntry
from gatewaysite.secrets import open_sealed
from proxy_app.models import Called
from proxy_app.upstream.stored import CLIENT_KEY
from tests.pages.conftest import Visitor
from tests.pages.test_forms import GATEWAY, ROUTE, errors
from tests.registry.test_pooling import AUTHORITY, CERTIFICATE, KEY, MODELS, NO_CERTIFICATE, OTHER_CERTIFICATE, SECRET

FORMS = {"gateways": GATEWAY, "routes": {name: text for name, text in ROUTE.items() if name != "read_timeout"}}
IDENTITY = {"client_cert": CERTIFICATE.replace("\n", "\r\n"), "client_key": KEY.replace("\n", "\r\n")}

OTHER_FOLDS: dict[str, dict[str, bool]] = {"gateways": {"Headers": False}, "routes": {}}

both = pytest.mark.parametrize("slug", ["gateways", "routes"])


def added(admin: Visitor, slug: str, **fields: str) -> str:
    """The address of a new item's page."""
    answer = admin.post(f"/admin/{slug}/new", FORMS[slug] | fields)
    assert answer.status_code == 303, errors(answer)
    return str(answer["Location"])


def saved(admin: Visitor, slug: str, page: str, **fields: str) -> Called:
    answer = admin.post(f"{page}/edit", FORMS[slug] | {"auth_type": "none"} | fields)
    assert answer.status_code == 303, errors(answer)
    return row(slug)


def row(slug: str) -> Called:
    return MODELS[slug]._default_manager.get()


def folds(page: str) -> dict[str, bool]:
    """Each fold's title and whether it is open."""
    found = re.findall(r'<details class="fold group"( open)?>\s*<summary>([^<]+?)\s*<', page)
    return {title: bool(is_open) for is_open, title in found}


def control(page: str, name: str) -> str:
    found = re.search(rf'<(?:input|select|textarea)[^>]* name="{name}"[^>]*>', page)
    assert found, f"no control {name}"
    return found[0]


@both
def test_an_empty_form_has_them_folded_away_and_shows_what_is_in_force(
    admin: Visitor, slug: str, settings: Settings
) -> None:
    settings.HTTP_READ_TIMEOUT, settings.HTTP_MAX_PENDING_PER_UPSTREAM = 41.5, 17
    settings.HTTP_CONNECTION_LIFETIME = 0
    page = admin.text(f"/admin/{slug}/new")
    assert folds(page) == OTHER_FOLDS[slug] | {"Connections and time-outs": False, "TLS": False}
    assert 'placeholder="41.5"' in control(page, "read_timeout")
    assert 'placeholder="17"' in control(page, "max_pending")
    assert 'placeholder="no limit"' in control(page, "connection_lifetime")
    assert {"gateways": "Default: also every 5xx", "routes": "Default: no connection, or silence"}[slug] in page
    assert ('name="without_checks"' in page) is (slug == "gateways")


@both
def test_nothing_said_is_nothing_stored(admin: Visitor, slug: str) -> None:
    added(admin, slug)
    new = row(slug)
    assert (new.pool_options, new.ca_certificate, new.client_certificate, new.sealed_client_key) == ({}, "", "", "")
    assert "sealed_client_key" not in AuditEntry.objects.latest("at").changes


@both
def test_what_is_set_is_stored_shown_and_there_again_in_an_open_fold(admin: Visitor, slug: str) -> None:
    page = added(
        admin, slug, max_connections="3", max_pending="0", read_timeout="90", connect_timeout="2.5",
        breaker_failures="7", breaker_counts="unavailable",
    )  # fmt: skip
    assert row(slug).pool_options == {
        "maxConnections": 3, "maxPending": 0, "readTimeout": 90.0, "connectTimeout": 2.5, "breakerFailures": 7,
        "breakerCounts": "unavailable",
    }  # fmt: skip
    shown = admin.text(page)
    for text in ("3 at a time, 0 calls may wait", "connecting 2.5 s, silence 90 s", "after 7 failures",
                 "also 502, 503 and 504"):  # fmt: skip
        assert text in shown
    form = admin.text(f"{page}/edit")
    assert folds(form) == OTHER_FOLDS[slug] | {"Connections and time-outs": True, "TLS": False}
    assert 'value="90"' in control(form, "read_timeout")
    assert 'value="0"' in control(form, "max_pending")
    assert '<option value="unavailable" selected>' in form
    assert saved(admin, slug, page, max_connections="4").pool_options == {"maxConnections": 4}


def test_health_checks_of_a_gateway_are_switched_off_and_on(admin: Visitor) -> None:
    page = added(admin, "gateways", without_checks="on")
    assert row("gateways").pool_options == {"probe": False}
    assert re.search(r"<dt>Checks</dt>\s*<dd>\s*none", admin.text(page))
    assert " checked" in control(admin.text(f"{page}/edit"), "without_checks")
    assert saved(admin, "gateways", page).pool_options == {}


@both
def test_certificates_are_shown_and_the_key_never(admin: Visitor, slug: str, caplog: pytest.LogCaptureFixture) -> None:
    page = added(admin, slug, ca_certificate=AUTHORITY, any_certificate="on", **IDENTITY)
    new = row(slug)
    assert (new.ca_certificate, new.client_certificate) == (AUTHORITY.strip(), CERTIFICATE.strip())
    assert open_sealed(new.sealed_client_key) == {CLIENT_KEY: KEY.strip()}
    assert new.pool_options == {"verifyTls": False}
    shown, form = admin.text(page), admin.text(f"{page}/edit")
    assert "authorities of its own, our certificate, its key set, takes any certificate" in shown
    assert CERTIFICATE.strip() in form
    assert folds(form)["TLS"]
    assert '<span class="need">set</span>' in form
    assert '<span class="need">not set</span>' in admin.text(f"/admin/{slug}/new")
    changes = repr(list(AuditEntry.objects.values_list("changes", flat=True)))
    for text in (shown, form, changes, caplog.text):
        assert SECRET not in text
        assert "PRIVATE KEY" not in text


@both
def test_the_stored_key_stays_until_another_comes_or_it_is_removed(admin: Visitor, slug: str) -> None:
    page = added(admin, slug, **IDENTITY)
    sealed = row(slug).sealed_client_key
    kept = saved(admin, slug, page, client_cert=IDENTITY["client_cert"], description="Changed")
    assert (kept.sealed_client_key, kept.description) == (sealed, "Changed")
    assert "sealed_client_key" not in AuditEntry.objects.latest("at").changes
    assert saved(admin, slug, page, **IDENTITY).sealed_client_key != sealed
    gone = saved(admin, slug, page, client_cert=CERTIFICATE, remove_client_cert="on")
    assert (gone.client_certificate, gone.sealed_client_key) == ("", "")
    assert AuditEntry.objects.latest("at").changes["sealed_client_key"] == "changed"
    assert 'name="remove_client_cert"' not in admin.text(f"{page}/edit")


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"max_connections": "lots"}, "max_connections", "Allowed is a whole number from 1 to 10,000."),
    ({"max_connections": "0"}, "max_connections", "Allowed is a whole number from 1 to 10,000."),
    ({"max_pending": "10001"}, "max_pending", "Allowed is a whole number from 0 to 10,000."),
    ({"read_timeout": "0"}, "read_timeout", "Allowed is a number of seconds from 0.1 to 86,400."),
    ({"stream_max_seconds": "1e9"}, "stream_max_seconds", "Allowed is a number of seconds from 0.1 to 86,400."),
    ({"breaker_failures": "-1"}, "breaker_failures", "Allowed is a whole number from 0 to 1,000."),
    ({"breaker_counts": "some"}, "breaker_counts", "Input should be"),
    ({"ca_certificate": "nonsense"}, "ca_certificate", "This is not in PEM format, which begins with -----BEGIN."),
    ({"ca_certificate": NO_CERTIFICATE}, "ca_certificate", "This certificate cannot be read."),
    ({"client_cert": CERTIFICATE + KEY, "client_key": KEY}, "client_cert", "A private key stands here, where"),
    ({"client_cert": CERTIFICATE}, "client_key", "A client certificate and its key go together."),
    ({"client_key": KEY}, "client_cert", "A client certificate and its key go together."),
    ({"client_cert": OTHER_CERTIFICATE, "client_key": KEY}, "client_cert", "This certificate or its key cannot be"),
]


@both
@pytest.mark.parametrize(("change", "name", "message"), WRONG)
def test_what_is_wrong_is_said_at_its_control_with_what_is_allowed_in_an_open_fold(
    admin: Visitor, slug: str, change: dict[str, Any], name: str, message: str
) -> None:
    answer = admin.post(f"/admin/{slug}/new", FORMS[slug] | change)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert dict(errors(answer))[name].startswith(message)
    assert 'aria-invalid="true"' in control(page, name)
    assert any(folds(page).values())
    assert SECRET not in page  # wherever the key was typed
    assert not MODELS[slug]._default_manager.exists()
