"""`manage.py gateway reseal`: afterwards the keys behind the first are not needed any more."""

from io import StringIO
from itertools import chain

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from django.core.management import call_command
from pytest_django import Settings

from auth_app.models import SsoProvider
from proxy_app.models import Gateway, Route
from proxy_app.resealing import work
from proxy_app.upstream.secrets import CLIENT_KEY, CannotUnseal, open_sealed, seal
from tests.builders import a_gateway, a_route, a_user
from tests.committed import db

__all__ = ["db"]

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


def credentials() -> list[dict[str, str]]:
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
    kept += [SocialAccount.objects.get().extra_data["sealed"], SsoProvider.objects.get().sealed_secret]
    return [open_sealed(text) for text in (*chain.from_iterable(chain.from_iterable(rows)), *kept)]  # fmt: skip


@pytest.mark.usefixtures("_sealed_with_the_old_key")
def test_the_old_key_can_go_afterwards_and_not_before(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ROWS_PER_UNIT", 2)
    before = credentials()
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CannotUnseal):
        credentials()
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    said = StringIO()
    call_command("gateway", "reseal", stdout=said)
    assert "13 credentials" in said.getvalue()
    settings.ENCRYPTION_KEYS = [NEW]
    assert credentials() == before


@pytest.mark.usefixtures("_sealed_with_the_old_key")
def test_what_no_key_opens_stays_and_is_named(settings: Settings) -> None:
    lost = a_gateway(sealed_headers="sealed with another key")
    said = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("gateway", "reseal", stdout=said)
    assert "13 credentials" in said.getvalue()
    assert f"proxy_app_gateway.sealed_headers {lost.pk}" in said.getvalue()
    lost.refresh_from_db()
    assert lost.sealed_headers == "sealed with another key"


def test_every_column_that_is_sealed_is_known() -> None:
    known = {(model, column) for model, column, _members in work.sealed_places()}
    assert known >= {(model, f"sealed_{what}") for model in (Gateway, Route) for what in ("headers", "client_key")}
    assert (SsoProvider, "sealed_secret") in known
