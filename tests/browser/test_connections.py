"""The connections page in a real browser: it refreshes itself, can be paused, and holds still where one looks."""

import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.conftest import Site, log_in
from tests.browser.test_journeys import check

pytestmark = pytest.mark.xdist_group("browser")

PAGE = "/admin/connections"
AT_REST = "Every connection is at rest in its pool."

Park = Callable[[str], None]


@pytest.fixture
def park(site: Site) -> Iterator[Park]:
    """Let a view park until the test ends, or `leave` is called."""
    threads: list[threading.Thread] = []
    (site.run_folder / "leave").unlink(missing_ok=True)

    def park(view: str) -> None:
        thread = threading.Thread(target=httpx.get, args=(f"{site.url}/parked/{view}",), kwargs={"timeout": 60})
        thread.start()
        threads.append(thread)

    yield park
    (site.run_folder / "leave").touch()
    for thread in threads:
        thread.join(60)


def leave(site: Site) -> None:
    (site.run_folder / "leave").touch()


def state(page: Page) -> Locator:
    return page.locator("[data-live-state]")


def row(page: Page, route: str) -> Locator:
    return page.locator(f"#held tbody tr:has-text('{route}')")


def test_what_parks_appears_by_itself_in_red_and_goes_when_it_ends(admin_page: Page, site: Site, park: Park) -> None:
    admin_page.goto(PAGE)
    expect(admin_page.locator("#held")).to_contain_text(AT_REST)

    park("idle")
    parked = row(admin_page, "parked-idle")
    expect(parked).to_contain_text("idle in transaction")
    expect(parked).to_contain_text("tests/observe/parked_urls.py:")
    expect(parked).to_have_class("bad")
    expect(admin_page.locator("#state")).to_contain_text("1 connection idle in transaction for")
    expect(state(admin_page)).to_have_text("Live")

    leave(site)
    expect(parked).to_have_count(0)
    ended = admin_page.locator("#longest tbody tr:has-text('parked-idle')").first
    expect(ended).to_contain_text("tests/observe/parked_urls.py:")


def test_p_pauses_it_and_what_is_shown_stays(admin_page: Page, site: Site, park: Park) -> None:
    park("rendering")
    admin_page.goto(PAGE)
    parked = row(admin_page, "parked-rendering")
    expect(parked).to_contain_text("held while rendering")

    admin_page.keyboard.press("p")
    expect(state(admin_page)).to_have_text("Paused")
    leave(site)
    shown = parked.inner_text()
    admin_page.wait_for_timeout(2500)
    assert parked.inner_text() == shown
    expect(state(admin_page)).to_have_text("Paused")

    button = admin_page.locator("button:has-text('Resume')")
    button.focus()
    admin_page.keyboard.press("Enter")
    expect(parked).to_have_count(0)
    expect(state(admin_page)).to_have_text("Live")
    expect(admin_page.locator("button:has-text('Pause')")).to_be_focused()


def test_a_row_under_the_pointer_holds_still(admin_page: Page, site: Site, park: Park) -> None:
    park("idle")
    admin_page.goto(PAGE)
    parked = row(admin_page, "parked-idle")
    parked.hover()
    expect(state(admin_page)).to_have_text("Holding still while you look")
    leave(site)
    admin_page.wait_for_timeout(1500)
    expect(parked).to_have_count(1)

    admin_page.hover("h1")
    expect(parked).to_have_count(0)
    expect(state(admin_page)).to_have_text("Live")


def test_a_gateway_that_does_not_answer_is_said_and_what_was_seen_stays(
    admin_page: Page, site: Site, park: Park
) -> None:
    park("idle")
    admin_page.goto(PAGE)
    parked = row(admin_page, "parked-idle")
    expect(parked).to_have_count(1)

    hanging: list[Route] = []
    admin_page.route(f"**{PAGE}", lambda route: hanging.append(route))
    expect(state(admin_page)).to_contain_text("No answer for")
    expect(admin_page.get_by_role("status")).to_have_text("No answer")  # which stays, while the seconds count
    expect(parked).to_have_count(1)
    assert len(hanging) == 1  # it does not pile up

    leave(site)
    hanging[0].continue_()
    admin_page.unroute(f"**{PAGE}")
    expect(state(admin_page)).to_have_text("Live")
    expect(parked).to_have_count(0)


def test_a_busy_gateway_is_asked_again(chromium: Browser, site: Site) -> None:
    with chromium.new_context(base_url=site.url) as context:
        page = context.new_page()
        log_in(page)
        page.goto(PAGE)
        page.route(f"**{PAGE}", lambda route: route.fulfill(status=503, body="busy"))
        expect(state(page)).to_contain_text("No answer for")
        expect(page.locator("h1")).to_have_text("Connections")
        page.unroute(f"**{PAGE}")
        expect(state(page)).to_have_text("Live")


def test_a_session_that_ended_leads_to_the_log_in_page(admin_page: Page) -> None:
    admin_page.goto(PAGE)
    admin_page.context.clear_cookies()
    admin_page.wait_for_url("**/login?next=*")


def test_it_is_refreshed_by_a_link_where_no_script_runs(chromium: Browser, site: Site, park: Park) -> None:
    with chromium.new_context(base_url=site.url, java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page)
        page.goto(PAGE)
        park("idle")
        expect(state(page)).to_be_hidden()
        for _ in range(20):
            page.click("text=Refresh")
            if row(page, "parked-idle").count():
                break
        expect(row(page, "parked-idle")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_breaks_no_rule_of_accessibility(admin_page: Page, site: Site, park: Park, theme: str) -> None:
    admin_page.context.add_cookies([{"name": "theme", "value": theme, "url": site.url}])
    park("idle")
    park("rendering")
    admin_page.goto(PAGE)
    expect(admin_page.locator("#held tbody tr")).to_have_count(2)
    check(admin_page)


def test_nothing_overflows(admin_page: Page, park: Park) -> None:
    park("idle")
    park("rendering")
    admin_page.goto(PAGE)
    expect(admin_page.locator("#held tbody tr")).to_have_count(2)
    for width in (360, 800, 1000, 1280):
        admin_page.set_viewport_size({"width": width, "height": 740})
        assert admin_page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
