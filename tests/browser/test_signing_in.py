"""Signing in as people do: through a provider, with a code, and with a passkey of the browser's."""

import re
import time
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import CDPSession, Page, expect

from tests.auth.sso.op import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, openid_provider
from tests.browser.conftest import EMAIL, PASSWORD, log_in
from tests.browser.test_journeys import RULES

pytestmark = pytest.mark.xdist_group("browser")
OWN = "/admin/profile/second-factor"
DEVICE = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
          "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip


@pytest.fixture(scope="module")
def op() -> Iterator[OpenIdProvider]:
    with openid_provider() as op:
        op.claims = {"sub": "s-1", "email": "ann@example.com", "email_verified": True, "groups": ["admins"]}
        yield op


def looks_sound(page: Page) -> None:
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def log_out(page: Page) -> None:
    page.click("button[title='Log out']")


def test_a_provider_is_set_up_and_lets_people_in_with_their_groups(admin_page: Page, op: OpenIdProvider) -> None:
    page = admin_page
    page.goto("/admin/sso")
    looks_sound(page)
    page.click("text=Add a provider >> nth=0")
    looks_sound(page)
    page.click("text=Another OpenID Connect provider")
    page.fill("#id", "op")
    page.fill("#display_name", "Our accounts")
    page.fill("#issuer", op.issuer)
    page.fill("#client_id", CLIENT_ID)
    page.fill("#client_secret", CLIENT_SECRET)
    page.click("button:has-text('Add the provider')")
    expect(page.locator("h1")).to_have_text("Our accounts")
    page.click("text=Test connection")
    expect(page.locator("#test")).to_contain_text("It answers")
    page.fill("[name=value-0]", "admins")
    page.select_option("[name=gives-0]", "administrator")
    page.click("text=Save the rules")
    expect(page.locator(".notices")).to_contain_text("The rules are saved")
    page.fill("#claims", '{"groups": ["admins"]}')
    page.click("#preview button")
    expect(page.locator("#preview [role=status]")).to_contain_text("Would be given")
    expect(page.locator("#preview dd").first).to_have_text("administrator")
    looks_sound(page)
    log_out(page)

    page.goto("/login?next=/admin/sso")
    looks_sound(page)
    page.click("text=Log in with Our accounts")
    page.wait_for_url("**/admin/sso")
    expect(page.locator(".who")).to_contain_text("ann@example.com")
    expect(page.locator("th[scope=row]")).to_contain_text("Our accounts")
    log_out(page)
    expect(page.locator("h1")).to_have_text("You are logged out here")


def confirmed(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("h1")).to_have_text("Confirm that it is you")
    page.fill("#password", PASSWORD)
    page.click("button:has-text('Go on')")


def a_device(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return session


def test_a_code_and_a_passkey_let_one_in(admin_page: Page) -> None:
    page = admin_page
    a_device(page)
    confirmed(page, f"{OWN}/app")
    expect(page.locator("svg.qr")).to_be_visible()
    looks_sound(page)
    page.click("summary:has-text('Type it instead')")
    secret = page.inner_text("#secret").replace(" ", "")
    page.fill("#code", code_of(page, secret))
    page.click("button:has-text('Set up')")
    codes = re.findall(r"\d{8}", page.inner_text("#codes"))
    assert len(codes) == 10
    page.goto(OWN)
    looks_sound(page)

    page.click("text=Add a passkey")
    page.fill("#name", "My laptop")
    page.click("button:has-text('Add it')")
    expect(page.locator("th[scope=row]")).to_have_text("My laptop")
    log_out(page)

    page.goto("/login?next=/admin/tools")
    page.click("text=Log in with a passkey")
    page.wait_for_url("**/admin")
    log_out(page)

    page.fill("#login", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("button:text-is('Log in')")
    expect(page.locator("h1")).to_have_text("One more step")
    looks_sound(page)
    page.click("text=Use a passkey")
    page.wait_for_url("**/admin")
    log_out(page)

    page.fill("#login", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("button:text-is('Log in')")
    page.fill("#code", codes[0])
    page.click("button:has-text('Go on')")
    page.wait_for_url("**/admin")

    page.goto(f"{OWN}/app/remove")
    page.click("text=Use a passkey")
    page.click("button:has-text('Use a passkey')")
    page.click("button:has-text('Remove it')")
    page.goto(OWN)
    page.click("a:has-text('Remove')")
    page.click("button:has-text('Remove it')")
    expect(page.locator("h1 + .state")).to_have_text("Off")
    log_out(page)
    log_in(page)


def code_of(page: Page, secret: str) -> str:
    """Not in the last moments of its half minute."""
    if time.time() % 30 > 27:
        page.wait_for_timeout(3500)
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))
