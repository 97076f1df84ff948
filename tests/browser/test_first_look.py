"""What people see first, in a real browser: from nothing to a call that arrives, and the pages that lead there."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, log_in
from tests.browser.test_journeys import check

pytestmark = pytest.mark.xdist_group("browser")

CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "demo-add", "arguments": {"a": 1, "b": 2}},
}
PAGES = ("/admin", "/admin/start", "/admin/catalogue", "/admin/catalogue/linear", "/admin/settings")


def follow(page: Page, words: str) -> None:
    """Go to a link or button by Tab, and press it."""
    target = page.locator(f"main >> :is(a, button):has-text('{words}')").first
    target.focus()
    expect(target).to_be_focused()
    page.keyboard.press("Enter")


def test_somebody_gets_from_nothing_to_a_call_by_keyboard(admin_page: Page, site: Site) -> None:
    page = admin_page
    progress = page.locator("#steps [role=status]")
    follow(page, "First steps")
    page.wait_for_url("**/admin/start")
    expect(progress).to_have_text("1 of 5 done")  # the first administrator's token, which was printed once

    follow(page, "Add one by its URL")
    page.locator("#name").focus()
    page.keyboard.type("Demo")
    page.locator("#url").focus()
    page.keyboard.type(site.demo_url)
    page.keyboard.press("Enter")
    expect(page.locator("h1 + .state")).to_have_text("Reachable", timeout=20_000)

    page.goto("/admin/start")
    follow(page, "Add server")
    page.locator("#name").focus()
    page.keyboard.type("Desk")
    page.locator(".pick input[type=checkbox]").first.focus()
    page.keyboard.press("Space")
    page.locator("#name").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Desk")

    page.goto("/admin/start")
    expect(progress).to_have_text("3 of 5 done")
    page.goto("/admin/tokens/new")
    page.locator("#name").focus()
    page.keyboard.type("laptop")
    page.keyboard.press("Enter")
    secret = page.locator("main pre, main code").filter(has_text="sk-").first.inner_text().strip()

    page.goto("/admin/start")
    expect(page.locator("main pre").first).to_contain_text("/servers/desk/mcp")
    headers = {"authorization": f"Bearer {secret}", "accept": "application/json, text/event-stream"}
    assert httpx.post(f"{site.url}/mcp", json=CALL, headers=headers, timeout=20).status_code == 200
    # Nobody reloads: the page notices.
    expect(progress).to_have_text("All 5 steps are done.", timeout=20_000)
    follow(page, "Go to the overview")
    expect(page.locator("#rail")).not_to_contain_text("First steps")
    expect(page.locator("#calls tbody tr")).to_have_count(1)
    expect(page.locator("#chart-calls title")).to_have_text("1 call in the last hour")


def test_the_catalogue_is_narrowed_by_typing_and_an_open_server_registered(admin_page: Page) -> None:
    admin_page.goto("/admin/catalogue")
    admin_page.keyboard.press("/")
    admin_page.keyboard.type("deepwiki")
    expect(admin_page.locator(".card")).to_have_count(1)
    admin_page.click(".card >> button:has-text('Register')")
    expect(admin_page.locator("h1")).to_have_text("DeepWiki")
    admin_page.goto("/admin/catalogue?search=deepwiki")
    expect(admin_page.locator(".card >> a:has-text('Registered')")).to_be_visible()


def test_the_fields_of_a_server_follow_the_chosen_way_in(admin_page: Page) -> None:
    admin_page.goto("/admin/catalogue/linear")
    expect(admin_page.locator("#api_key")).to_be_hidden()
    admin_page.select_option("#way", "bearer")
    expect(admin_page.locator("#api_key")).to_be_visible()
    expect(admin_page.locator("#oauth_client_id")).to_be_hidden()


def test_settings_are_searched_while_one_types(admin_page: Page) -> None:
    admin_page.goto("/admin/settings")
    admin_page.keyboard.press("/")
    admin_page.keyboard.type("circuit_open")
    expect(admin_page.locator("tbody tr")).to_have_count(1)


def test_without_a_script_all_of_it_works_by_asking_again(chromium: Browser, site: Site) -> None:
    with chromium.new_context(base_url=site.url, java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page)
        page.goto("/admin/start")
        page.click("text=Look again")
        page.goto("/admin/catalogue")
        page.fill("#search", "neon")
        page.click("button:has-text('Search')")
        expect(page.locator(".card")).to_have_count(1)
        page.goto("/admin")
        expect(page.locator("main >> text=Refresh")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_these_pages_break_no_rule_of_accessibility_and_do_not_overflow(
    admin_page: Page, site: Site, theme: str, width: int
) -> None:
    admin_page.context.add_cookies([{"name": "theme", "value": theme, "url": site.url}])
    admin_page.set_viewport_size({"width": width, "height": 800})
    for path in PAGES:
        admin_page.goto(path)
        check(admin_page)
        assert admin_page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
