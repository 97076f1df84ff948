"""`manage.py gateway rotate-keys`: every sealed value names its key, and afterwards those behind the first can go."""

from io import StringIO
from itertools import chain
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from cryptography.fernet import Fernet
from django.core.management import call_command
from pytest_django import Settings

from auth_app.models import SsoProvider
from gatewaysite import secrets
from gatewaysite.doctor.database import look_at_server
from gatewaysite.doctor.installation import Server
from gatewaysite.keyring import work
from gatewaysite.secrets import CannotUnseal, key_id_of, key_ids, open_sealed, seal
from proxy_app.models import Gateway, Route
from proxy_app.upstream.stored import CLIENT_KEY
from tests.builders import a_gateway, a_route, a_user
from tests.committed import db
from tests.registry.conftest import Caller, admin, people

__all__ = ["admin", "db", "people"]

OLD, NEW = "old" * 12, "new" * 12


@pytest.fixture
def _sealed_with_the_old_key(db: None, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    for number in range(5):
        a_gateway(sealed_headers=seal({"X-Key": str(number)}))
    a_route(sealed_headers=seal({"X-Key": "of a route"}))
    a_gateway(sealed_client_key=seal({CLIENT_KEY: "PEM"}))
    a_route(sealed_client_key=seal({CLIENT_KEY: "PEM of a route"}))
    SsoProvider.objects.create(slug="main", kind="oidc", sealed_secret=seal({"secret": "of a provider"}))
    person = a_user()
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(person)
    SocialAccount.objects.create(user=person, provider="x", uid="y", extra_data={"sealed": seal({"claims": {}})})
    Authenticator.objects.create(user=person, type="webauthn", data={"name": "a passkey, with no secret of ours"})
    settings.ENCRYPTION_KEYS = [NEW, OLD]


def stored() -> list[str]:
    rows = (
        model._default_manager.order_by("created_at").values_list("sealed_headers", "sealed_client_key")
        for model in (Gateway, Route)
    )
    kept = [
        text
        for data in Authenticator.objects.order_by("pk").values_list("data", flat=True)
        for text in (data.get("secret"), data.get("seed"))
        if text
    ]
    kept += [one.extra_data["sealed"] for one in SocialAccount.objects.all()]
    kept += [one.sealed_secret for one in SsoProvider.objects.all()]
    return [*chain.from_iterable(chain.from_iterable(rows)), *kept]


def credentials() -> list[dict[str, Any]]:
    return [open_sealed(text) for text in stored()]


def rotated() -> str:
    said = StringIO()
    call_command("gateway", "rotate-keys", stdout=said)
    return said.getvalue()


def without_id(secret: dict[str, str], settings: Settings) -> str:
    """As it was sealed before keys had ids."""
    return seal(secret).partition(":")[2]


@pytest.mark.usefixtures("_sealed_with_the_old_key")
def test_the_old_key_can_go_afterwards_and_not_before(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ROWS_PER_UNIT", 2)
    before = credentials()
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CannotUnseal):
        credentials()
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    new, old = key_ids()
    said = rotated()
    assert f"12 secrets under key {old}." in said
    assert f"12 secrets sealed anew, with key {new}" in said
    settings.ENCRYPTION_KEYS = [NEW]
    assert credentials() == before


@pytest.mark.usefixtures("_sealed_with_the_old_key")
def test_a_second_time_nothing_is_left_to_do(settings: Settings) -> None:
    rotated()
    before = stored()
    assert f"12 secrets under key {key_ids()[0]}, the first." in (said := rotated())
    assert "0 secrets sealed anew" in said
    assert stored() == before


@pytest.mark.usefixtures("_sealed_with_the_old_key")
def test_what_no_key_opens_stays_and_is_named(settings: Settings) -> None:
    lost = a_gateway(sealed_headers="sealed with another key")
    said = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("gateway", "rotate-keys", stdout=said)
    assert "12 secrets sealed anew" in said.getvalue()
    assert f"proxy_app_gateway.sealed_headers {lost.pk}" in said.getvalue()
    lost.refresh_from_db()
    assert lost.sealed_headers == "sealed with another key"


@pytest.mark.usefixtures("db")
def test_what_was_sealed_before_keys_had_ids_is_read_and_moved(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    gateway = a_gateway(sealed_headers=without_id({"X-Key": "1"}, settings))
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert open_sealed(gateway.sealed_headers) == {"X-Key": "1"}
    assert "1 secret under a key that is not named." in rotated()
    gateway.refresh_from_db()
    assert key_id_of(gateway.sealed_headers) == key_ids()[0]
    assert open_sealed(gateway.sealed_headers) == {"X-Key": "1"}


@pytest.mark.usefixtures("_sealed_with_the_old_key")
def test_the_doctor_counts_what_is_under_which_key(settings: Settings) -> None:
    new, old = key_ids()
    a_gateway(sealed_headers=seal({"X-Key": "new"}))
    a_gateway(sealed_headers=without_id({"X-Key": "old"}, settings))
    server = look_at_server()
    assert isinstance(server, Server)
    assert server.sealed == {old: 12, new: 1, "": 1}


def test_whatever_is_saved_moves_to_the_first_key_by_itself(admin: Caller, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    gateway = a_gateway(sealed_headers=seal({"X-Key": "1"}), auth_type="authheaders")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert admin.put(f"/gateways/{gateway.pk.hex}", {"description": "Changed"}).status_code == 200
    gateway.refresh_from_db()
    assert key_id_of(gateway.sealed_headers) == key_ids()[0]
    assert open_sealed(gateway.sealed_headers) == {"X-Key": "1"}
    assert gateway.status == Gateway.Status.ACTIVE  # the same credential: nothing is registered anew


def test_a_key_id_tells_nothing_of_the_key(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    sealed = seal({"X-Key": "1"})
    id, _, token = sealed.partition(":")
    assert id == key_ids()[0]
    assert len(id) == secrets.KEY_ID_LENGTH
    assert OLD not in sealed
    with pytest.raises(ValueError, match="Fernet key"):
        Fernet(id)
    assert token.startswith("gAAAA")


def test_every_column_that_is_sealed_is_known() -> None:
    known = {(place.model, place.column) for place in work.every_place()}
    assert known >= {(model, f"sealed_{what}") for model in (Gateway, Route) for what in ("headers", "client_key")}
    assert known >= {(SsoProvider, "sealed_secret"), (Authenticator, "data"), (SocialAccount, "extra_data")}
