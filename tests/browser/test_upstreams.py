"""The pages of upstreams in a real browser: live by themselves, new connections with and without a script."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Site, free_port, log_in
from tests.browser.test_journeys import check

pytestmark = pytest.mark.xdist_group("browser")

PAGE = "/admin/upstreams"


def add_gateway(page: Page, name: str, url: str) -> None:
    page.goto("/admin/gateways/new")
    page.fill("#name", name)
    page.fill("#url", url)
    page.click("main >> button:has-text('Add gateway')")
    expect(page.locator("h1")).to_have_text(name)


def row(page: Page, name: str) -> Locator:
    return page.locator(f"#upstreams tbody tr:has(a:text-is('{name}'))")


@pytest.fixture(scope="module")
def upstreams(chromium: Browser, site: Site) -> Iterator[None]:
    """One that answers and one where nobody listens. The list, open meanwhile, shows both without being reloaded."""
    with chromium.new_context(base_url=site.url) as context:
        looking, adding = context.new_page(), context.new_page()
        log_in(looking)
        looking.goto(PAGE)
        expect(looking.locator("#state")).to_contain_text("Nothing was sent to an upstream yet.")
        add_gateway(adding, "demo", site.demo_url)
        add_gateway(adding, "gone", f"http://127.0.0.1:{free_port()}/mcp")
        for _ in range(3):  # until the circuit opens
            expect(adding.locator("h1 + .state")).to_have_text("Failed")
            adding.click("main >> button:has-text('Refresh')")
        expect(row(looking, "demo")).to_contain_text("healthy")
        expect(row(looking, "gone")).to_have_class("bad")
        expect(looking.locator("#state")).to_contain_text("gone is unreachable")
        expect(looking.locator("[data-live-state]")).to_have_text("Live")
        yield


@pytest.mark.usefixtures("upstreams")
def test_a_row_leads_to_its_upstream_which_is_given_new_connections(admin_page: Page) -> None:
    admin_page.goto(PAGE)
    row(admin_page, "demo").locator("a").click()
    expect(admin_page.locator("h1")).to_have_text("demo")
    admin_page.click("text=Give it new connections")
    expect(admin_page.locator(".notices")).to_contain_text("Every process was told.")
    event = admin_page.locator("#timeline tbody tr").first
    expect(event).to_contain_text("asked for")
    expect(event).to_contain_text("drained after")  # by itself
    admin_page.click("text=See the gateway")
    expect(admin_page.locator("h1")).to_have_text("demo")


@pytest.mark.usefixtures("upstreams")
def test_where_no_script_runs_links_and_forms_do_the_same(chromium: Browser, site: Site) -> None:
    with chromium.new_context(base_url=site.url, java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page)
        page.goto(PAGE)
        page.click("text=Refresh")
        row(page, "demo").locator("a").click()
        page.click("text=Give it new connections")
        expect(page.locator(".notices")).to_contain_text("demo has new connections: generation")
        page.click("text=Refresh")
        expect(page.locator("[data-live-state]")).to_be_hidden()


@pytest.mark.usefixtures("upstreams")
def test_keys_lead_to_it_and_through_its_rows(admin_page: Page) -> None:
    admin_page.keyboard.press("g")
    admin_page.keyboard.press("u")
    admin_page.wait_for_url(f"**{PAGE}")
    admin_page.keyboard.press("p")
    expect(admin_page.locator("[data-live-state]")).to_have_text("Paused")
    admin_page.keyboard.press("j")
    expect(row(admin_page, "gone").locator("a")).to_be_focused()
    admin_page.keyboard.press("Enter")
    admin_page.wait_for_url(f"**{PAGE}/*")


@pytest.mark.usefixtures("upstreams")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_they_break_no_rule_of_accessibility(admin_page: Page, site: Site, theme: str) -> None:
    admin_page.context.add_cookies([{"name": "theme", "value": theme, "url": site.url}])
    for name in ("", "demo", "gone"):
        admin_page.goto(PAGE)
        expect(row(admin_page, "gone")).to_have_count(1)
        if name:
            row(admin_page, name).locator("a").click()
            expect(admin_page.locator("h1")).to_have_text(name)
        check(admin_page)


@pytest.mark.usefixtures("upstreams")
def test_nothing_overflows(admin_page: Page) -> None:
    admin_page.goto(PAGE)
    own = row(admin_page, "gone").locator("a").get_attribute("href")
    for path in (PAGE, own or ""):
        admin_page.goto(path)
        for width in (360, 600, 800, 1000, 1020, 1280):
            admin_page.set_viewport_size({"width": width, "height": 740})
            assert admin_page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)
