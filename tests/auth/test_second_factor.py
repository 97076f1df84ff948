"""Second factors: setting one up, being asked for it whichever way one comes, and losing it."""

import json
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from auth_app.models import AuditEntry, User
from gatewaysite.secrets import open_sealed
from tests.auth.conftest import PASSWORD, SUBMIT_TOKEN, log_in, submit_token
from tests.builders import a_token, a_user, an_admin

pytestmark = pytest.mark.django_db
NONSENSE = json.dumps({
    "id": "eA", "rawId": "eA", "type": "public-key",
    "response": {"clientDataJSON": "e30", "authenticatorData": "eA", "signature": "eA", "userHandle": "eA"},
})  # fmt: skip
OWN = "/admin/profile/second-factor"
SECRET = re.compile(r'aria-label="Secret">([A-Z2-7 ]+)<')


HALF_MINUTE = 59_000_000


@pytest.fixture(autouse=True)
def _one_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """No code grows old while a test runs."""
    monkeypatch.setattr(auth, "yield_hotp_counters_from_time", lambda: iter([HALF_MINUTE]))


def code_of(secret: str) -> str:
    return auth.format_hotp_value(auth.hotp_value(secret, HALF_MINUTE))


def posted(browser: Client, path: str, form: dict[str, str] | None = None) -> Any:
    return browser.post(path, (form or {}) | {"csrfmiddlewaretoken": submit_token(browser, path)})


def confirm(browser: Client) -> None:
    answer = posted(browser, "/admin/profile/confirm", {"password": PASSWORD})
    assert answer.status_code == 303, answer.content


def set_up(browser: Client) -> tuple[str, list[str]]:
    """The app's secret, and the recovery codes. Whoever does it is signed in."""
    confirm(browser)
    page: Any = browser.get(f"{OWN}/app")
    found = SECRET.search(page.content.decode())
    assert found
    secret = found[1].replace(" ", "")
    # The page has one secret each time it is opened.
    token = SUBMIT_TOKEN.findall(page.content.decode())[-1]
    answer: Any = browser.post(f"{OWN}/app", {"code": code_of(secret), "csrfmiddlewaretoken": token})
    assert (answer.status_code, answer["Location"]) == (303, f"{OWN}/codes")
    shown: Any = browser.get(f"{OWN}/codes")
    codes = re.findall(r"^(?:.*>)?(\d{8})$", shown.content.decode(), re.M)
    assert len(codes) == 10
    return secret, codes


def forget_used_codes() -> None:
    """As if half a minute had passed: a code counts once."""
    cache.clear()


@pytest.fixture
def with_factor(browser: Client, person: User) -> tuple[str, list[str]]:
    log_in(browser)
    found = set_up(browser)
    forget_used_codes()
    browser.logout()
    return found


def test_the_secret_is_sealed_and_the_codes_are_shown_once(
    browser: Client, person: User, django_capture_on_commit_callbacks: Any
) -> None:
    log_in(browser)
    with django_capture_on_commit_callbacks(execute=True):
        secret, codes = set_up(browser)
    stored = Authenticator.objects.get(type="totp").data["secret"]
    assert secret not in stored
    assert open_sealed(stored) == {"secret": secret}
    again: Any = browser.get(f"{OWN}/codes")
    assert not any(code in again.content.decode() for code in codes)
    assert b"10 are left" in again.content
    told = list(AuditEntry.objects.filter(action="second_factor.added").values_list("changes__type", flat=True))
    assert sorted(told) == ["recovery_codes", "totp"]


def test_a_change_asks_again_who_it_is(browser: Client, person: User) -> None:
    log_in(browser)
    for path in (f"{OWN}/app", f"{OWN}/codes/new", f"{OWN}/passkeys/new"):
        answer: Any = browser.get(path)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/profile/confirm"), path
    wrong = posted(browser, "/admin/profile/confirm", {"password": "wrong"})
    assert wrong.status_code == 422
    assert browser.get(f"{OWN}/app").status_code == 302


def test_the_password_alone_opens_nothing(browser: Client, with_factor: tuple[str, list[str]]) -> None:
    secret, _codes = with_factor
    answer: Any = log_in(browser, next="/admin/tools")
    assert (answer.status_code, answer["Location"]) == (303, "/login/second-factor")
    for path in ("/admin", "/tools", "/tokens", OWN, "/admin/profile/confirm"):
        assert browser.get(path).status_code in {302, 303, 401}, path
    wrong = posted(browser, "/login/second-factor", {"code": "000000"})
    assert (wrong.status_code, b"not right" in wrong.content) == (422, True)
    assert browser.get("/admin").status_code == 303
    right = posted(browser, "/login/second-factor", {"code": code_of(secret)})
    assert (right.status_code, right["Location"]) == (303, "/admin/tools")
    assert browser.get("/admin").status_code == 200
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert actions >= {"second_factor.failed", "second_factor.used"}


def test_a_code_counts_once(browser: Client, with_factor: tuple[str, list[str]]) -> None:
    secret, _codes = with_factor
    code = code_of(secret)
    log_in(browser)
    assert posted(browser, "/login/second-factor", {"code": code}).status_code == 303
    other = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1:8000"})
    log_in(other)
    assert posted(other, "/login/second-factor", {"code": code}).status_code == 422


def test_a_recovery_code_counts_once(browser: Client, with_factor: tuple[str, list[str]]) -> None:
    _secret, codes = with_factor
    for expected in (303, 422):
        browser.logout()
        log_in(browser)
        assert posted(browser, "/login/second-factor", {"code": codes[3]}).status_code == expected


def test_guessing_codes_is_slowed_down(browser: Client, with_factor: tuple[str, list[str]]) -> None:
    log_in(browser)
    answers = [posted(browser, "/login/second-factor", {"code": f"{number:06}"}).status_code for number in range(12)]
    assert answers[:9] == [422] * 9
    assert answers[-1] == 429


def test_the_page_is_for_those_on_their_way_only(browser: Client, person: User) -> None:
    answer: Any = browser.get("/login/second-factor")
    assert (answer.status_code, answer["Location"]) == (302, "/login")


def test_without_the_key_nobody_gets_past_it(
    browser: Client, with_factor: tuple[str, list[str]], settings: Settings
) -> None:
    secret, _codes = with_factor
    log_in(browser)
    token = submit_token(browser, "/login/second-factor")
    settings.ENCRYPTION_KEYS = ["another"]
    answer: Any = browser.post("/login/second-factor", {"code": code_of(secret), "csrfmiddlewaretoken": token})
    assert answer.status_code == 503
    assert browser.get("/admin").status_code == 303


@pytest.mark.parametrize(("whom", "led"), [("nobody", False), ("administrators", False), ("everybody", True)])
def test_whoever_needs_one_is_led_there_first(
    browser: Client, person: User, settings: Settings, whom: str, led: bool
) -> None:
    settings.REQUIRE_SECOND_FACTOR = whom
    log_in(browser)
    page: Any = browser.get("/admin/tools")
    if not led:
        assert page.status_code == 200
        return
    assert (page.status_code, page["Location"]) == (303, OWN)
    told: Any = browser.get("/tools")
    assert (told.status_code, told.json()["code"]) == (403, "second_factor_required")
    assert browser.post("/tokens", {"name": "x"}, content_type="application/json").status_code == 403
    own = browser.get(OWN).content.decode()
    assert "Set one up to go on" in own
    assert 'class="rail"' not in own
    set_up(browser)
    assert browser.get("/admin/tools").status_code == 200


def test_administrators_need_one_where_the_setting_says_so(browser: Client, person: User, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "administrators"
    User.objects.update(is_admin=True)
    log_in(browser)
    assert browser.get("/admin")["Location"] == OWN


def test_an_administrator_resets_one_that_was_lost(
    browser: Client, with_factor: tuple[str, list[str]], settings: Settings
) -> None:
    other = Client(headers={"authorization": f"Bearer {a_token(a_user())}"})
    path = "/auth/email/admin/users/person@example.com/second-factor"
    assert other.delete(path).status_code == 403
    boss = Client(headers={"authorization": f"Bearer {a_token(an_admin())}"})
    assert boss.delete("/auth/email/admin/users/nobody@example.com/second-factor").status_code == 404
    assert boss.delete(path).status_code == 204
    assert not Authenticator.objects.exists()
    assert AuditEntry.objects.filter(action="second_factor.reset").count() == 1
    settings.REQUIRE_SECOND_FACTOR = "everybody"
    log_in(browser)
    answer: Any = browser.get("/admin")
    assert answer["Location"] == OWN, "a reset does not open what asks for one"


def test_administrators_see_who_has_one(browser: Client, with_factor: tuple[str, list[str]]) -> None:
    boss = an_admin("boss@example.com")
    browser.force_login(boss)
    page: Any = browser.get("/admin/second-factors")
    assert page.content.index(b"boss@example.com") < page.content.index(b'<th scope="row">person@example.com')
    person = User.objects.get(email="person@example.com")
    token = submit_token(browser, "/admin/second-factors")
    answer: Any = browser.post(f"/admin/second-factors/{person.pk.hex}/reset", {"csrfmiddlewaretoken": token})
    assert answer.status_code == 303
    assert not Authenticator.objects.exists()


def test_removing_the_app_takes_the_codes_with_it(browser: Client, person: User) -> None:
    log_in(browser)
    set_up(browser)
    assert posted(browser, f"{OWN}/app/remove").status_code == 303
    assert not Authenticator.objects.exists()
    assert b"Off" in browser.get(OWN).content


def test_new_codes_replace_the_old_ones(browser: Client, person: User) -> None:
    log_in(browser)
    _secret, codes = set_up(browser)
    assert posted(browser, f"{OWN}/codes/new").status_code == 303
    shown = browser.get(f"{OWN}/codes").content.decode()
    assert not any(code in shown for code in codes)


def test_a_made_up_passkey_lets_nobody_in(browser: Client, person: User) -> None:
    told: Any = browser.get("/login/passkey")
    assert told.json()["publicKey"]["rpId"] == "127.0.0.1"
    assert told.json()["publicKey"]["userVerification"] == "required"
    token = submit_token(browser)
    for credential in ("", "{}", "[]", '{"id": "x"}', '{"response": {"userHandle": "eA"}}', "null", "1", NONSENSE):
        answer: Any = browser.post("/login/passkey", {"credential": credential, "csrfmiddlewaretoken": token})
        assert (answer.status_code, answer["Location"]) == (303, "/login?passkey=failed"), credential
    assert browser.get("/admin").status_code == 303
