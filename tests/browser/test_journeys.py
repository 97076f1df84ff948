"""A handful of journeys in a real browser: what only scripts, styles and a live gateway can show."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import EMAIL, Site, log_in

# With `pytest --dist loadgroup` one worker runs all of them, and one gateway is started instead of two.
pytestmark = pytest.mark.xdist_group("browser")

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def demo(chromium: Browser, site: Site) -> Iterator[str]:
    """The demo upstream registered through the page, once for all journeys; the path of its page."""
    with chromium.new_context(base_url=site.url) as context:
        page = context.new_page()
        log_in(page)
        page.click("text=Add gateway")
        page.fill("#name", "Demo")
        page.fill("#url", site.demo_url)
        page.click("main >> button:has-text('Add gateway')")
        expect(page.locator("h1")).to_have_text("Demo")
        # Nobody reloads: the page follows the registration to its end.
        expect(page.locator("h1 + .state")).to_have_text("Reachable", timeout=20_000)
        expect(page.locator(".tally")).to_contain_text("5 tools")
        yield page.evaluate("location.pathname")


def test_a_wrong_password_puts_the_focus_on_the_reason(page: Page) -> None:
    page.goto("/admin/tools")
    page.fill("#login", EMAIL)
    page.fill("#password", "wrong")
    page.keyboard.press("Enter")

    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("#login")).to_have_value(EMAIL)


def test_a_tool_is_called_through_its_form_with_ctrl_enter(admin_page: Page, demo: str) -> None:
    admin_page.goto("/admin/tools/demo-echo")
    admin_page.fill("textarea", "two\nlines <b>")
    admin_page.keyboard.press("Control+Enter")

    expect(admin_page.locator("#result-title")).to_have_text("Result")
    expect(admin_page.locator("#result pre").first).to_have_text("two\nlines <b>")
    expect(admin_page.locator("textarea")).to_have_value("two\nlines <b>")


def test_a_list_is_found_searched_and_walked_by_keyboard(admin_page: Page, demo: str) -> None:
    admin_page.keyboard.press("g")
    admin_page.keyboard.press("t")
    admin_page.wait_for_url("**/admin/tools")
    admin_page.keyboard.press("/")
    admin_page.keyboard.type("echo")
    expect(admin_page.locator("tbody tr")).to_have_count(1)
    expect(admin_page).to_have_url(re.compile(r"\?search=echo"))
    expect(admin_page.locator("#search")).to_be_focused()

    admin_page.fill("#search", "")
    expect(admin_page.locator("tbody tr")).to_have_count(5)
    admin_page.keyboard.press("Escape")
    for key in ("j", "j", "k"):
        admin_page.keyboard.press(key)
    expect(admin_page.locator("tbody tr >> nth=0 >> th a")).to_be_focused()
    admin_page.keyboard.press("Enter")
    admin_page.wait_for_url("**/admin/tools/*")
    admin_page.keyboard.press("e")
    admin_page.wait_for_url("**/edit")


def test_the_palette_finds_pages_and_items_by_keyboard_alone(admin_page: Page, demo: str) -> None:
    admin_page.goto("/admin/tools")
    admin_page.focus("#search")
    admin_page.keyboard.press("Control+k")
    admin_page.keyboard.type("demo ec")
    palette = admin_page.locator("#palette")
    expect(palette.locator("a")).to_have_count(1)
    admin_page.keyboard.press("ArrowDown")
    expect(palette.locator("a")).to_be_focused()
    admin_page.keyboard.press("ArrowDown")
    expect(palette.locator("input")).to_be_focused()
    check(admin_page)

    admin_page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(admin_page.locator("#search")).to_be_focused()

    admin_page.keyboard.press("Control+k")
    admin_page.keyboard.type("add gat")
    expect(palette.locator("a").first).to_have_text("Add gateway")
    admin_page.keyboard.press("Enter")
    admin_page.wait_for_url("**/admin/gateways/new")


def test_the_box_in_the_head_of_a_list_ticks_those_below(admin_page: Page, demo: str) -> None:
    admin_page.goto("/admin/tools")
    admin_page.check("thead input")
    expect(admin_page.locator("tbody input:checked")).to_have_count(5)
    admin_page.uncheck("thead input")
    expect(admin_page.locator("tbody input:checked")).to_have_count(0)


def test_keys_do_nothing_while_one_types_and_can_be_switched_off(admin_page: Page) -> None:
    admin_page.goto("/admin/gateways/new")
    admin_page.fill("#name", "")
    admin_page.type("#name", "gt?/")
    expect(admin_page.locator("#name")).to_have_value("gt?/")
    expect(admin_page.locator("#keys")).to_be_hidden()

    admin_page.locator("h1").click()
    admin_page.keyboard.press("?")
    expect(admin_page.locator("#keys")).to_be_visible()
    admin_page.uncheck("[data-shortcuts]")
    admin_page.keyboard.press("Escape")
    admin_page.keyboard.press("?")
    expect(admin_page.locator("#keys")).to_be_hidden()


def test_deleting_is_confirmed_in_a_dialog_that_escape_leaves(admin_page: Page) -> None:
    admin_page.goto("/admin/servers/new")
    admin_page.fill("#name", "Short lived")
    admin_page.click("main >> button:has-text('Add server')")
    expect(admin_page.locator("h1")).to_have_text("Short lived")
    dialog = admin_page.locator("dialog#confirm")

    admin_page.click("summary:has-text('More actions')")
    admin_page.click("text=Delete…")
    expect(dialog).to_be_visible()
    expect(dialog.locator("text=Keep it")).to_be_focused()
    admin_page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    admin_page.click("text=Delete…")
    dialog.locator("button").click()
    expect(admin_page.locator(".notices")).to_have_text("Short lived was deleted.")


def test_the_fields_of_a_credential_follow_its_kind(admin_page: Page) -> None:
    admin_page.goto("/admin/gateways/new")
    expect(admin_page.locator("#auth_token")).to_be_hidden()
    admin_page.select_option("#auth_type", "bearer")
    expect(admin_page.locator("#auth_token")).to_be_visible()
    admin_page.select_option("#auth_type", "basic")
    expect(admin_page.locator("#auth_token")).to_be_hidden()
    expect(admin_page.locator("#auth_password")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_fold_with_something_wrong_in_it_opens_by_itself(admin_page: Page, site: Site, theme: str) -> None:
    admin_page.context.add_cookies([{"name": "theme", "value": theme, "url": site.url}])
    admin_page.set_viewport_size({"width": 390, "height": 800})
    admin_page.goto("/admin/routes/new")
    limit, fold = admin_page.locator("#max_connections"), admin_page.locator("summary:has-text('Connections')")
    expect(limit).to_be_hidden()
    fold.click()
    limit.fill("lots")
    admin_page.click("summary:has-text('TLS')")
    check(admin_page)
    fold.click()
    admin_page.fill("#name", "Orders")
    admin_page.fill("#upstream_url", "http://127.0.0.1:9999")
    admin_page.click("button:has-text('Add route')")
    expect(limit).to_be_visible()
    admin_page.click("[role=alert] >> text=Connections at a time")
    expect(limit).to_be_focused()
    assert admin_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check(admin_page)


def test_the_picker_narrows_by_typing_and_counts_what_is_chosen(admin_page: Page, demo: str) -> None:
    admin_page.goto("/admin/servers/new")
    admin_page.fill("#find", "add")
    expect(admin_page.locator(".pick:visible")).to_have_count(1)
    admin_page.check(".pick:visible >> input[type=checkbox]")
    expect(admin_page.locator("[data-count]")).to_have_text("1 chosen")


def test_enter_in_a_form_with_a_picker_saves_it_and_in_the_picker_does_not(admin_page: Page, demo: str) -> None:
    admin_page.goto("/admin/servers/new")
    admin_page.fill("#name", "By Enter")
    admin_page.fill("#find", "add")
    admin_page.press("#find", "Enter")
    admin_page.check(".pick:visible >> input[type=checkbox]")
    admin_page.press("#name", "Enter")

    expect(admin_page.locator("h1")).to_have_text("By Enter")
    expect(admin_page.locator("main")).to_contain_text("demo-add")


def test_members_are_searched_ticked_added_and_ordered_by_the_keyboard_alone(admin_page: Page, demo: str) -> None:
    admin_page.goto("/admin/servers/new")
    admin_page.fill("#name", "Desk")
    admin_page.press("#name", "Enter")
    admin_page.click("nav.tabs >> text=Members")
    admin_page.wait_for_url("**/members")  # a key pressed sooner is pressed on the page before
    admin_page.keyboard.press("/")
    admin_page.keyboard.type("add")
    expect(admin_page.locator("[name=pick]")).to_have_count(1)
    admin_page.focus("[name=pick]")
    admin_page.keyboard.press("Space")
    admin_page.fill("#search", "e")  # what was ticked stays so
    expect(admin_page.locator("[name=pick]")).to_have_count(5)
    expect(admin_page.locator("[name=pick]:checked")).to_have_count(1)
    admin_page.focus("button[value=add-all]")
    admin_page.keyboard.press("Enter")
    expect(admin_page.locator("main")).to_contain_text("added.")
    admin_page.goto(admin_page.url.partition("?")[0])
    first = admin_page.locator("tbody th a").first.inner_text()
    admin_page.focus("button[name=down] >> nth=0")
    admin_page.keyboard.press("Enter")
    expect(admin_page.locator("tbody th a").nth(1)).to_have_text(first)
    check(admin_page)
    admin_page.click("nav.tabs >> text=Connect")
    admin_page.click("text=Try it")
    expect(admin_page.locator("#tried table")).to_contain_text(first)
    check(admin_page)


def test_a_session_that_ended_leads_a_live_search_to_the_log_in_page(admin_page: Page, demo: str) -> None:
    admin_page.goto("/admin/tools")
    admin_page.context.clear_cookies()
    admin_page.fill("#search", "echo")

    admin_page.wait_for_url("**/login?next=*")


def test_everything_works_without_a_script(chromium: Browser, site: Site, demo: str) -> None:
    with chromium.new_context(base_url=site.url, java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page)
        page.goto("/admin/tools")
        page.fill("#search", "echo")
        page.click("button:has-text('Search')")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.click("tbody >> text=demo-echo")
        page.fill("textarea", "plain")
        page.click("button:has-text('Call')")
        expect(page.locator("#result pre").first).to_have_text("plain")
        page.goto("/admin/tools")
        page.check("[aria-label='demo-echo']")
        page.select_option("#bulk-action", "tag")
        page.click("button:has-text('Go on')")
        expect(page.locator(".names li")).to_have_text("demo-echo")
        page.fill("#tags", "plain")
        page.click("main >> button:has-text('Add tags')")
        expect(page.locator("tbody .tags")).to_have_text("plain")
        page.click("#rail >> text=Search")
        page.fill("#q", "demo echo")
        page.click("main >> button:has-text('Search')")
        expect(page.locator(".found a")).to_have_count(1)
        page.click("button:has-text('Dark')")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_on_a_narrow_screen_the_menu_opens_the_rail_and_nothing_overflows(
    chromium: Browser, site: Site, demo: str
) -> None:
    with chromium.new_context(base_url=site.url, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        log_in(page)
        for path in ("/admin", "/admin/tools", "/admin/tools/demo-echo", demo, "/admin/gateways/new"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        expect(page.locator("#rail")).to_be_hidden()
        page.click("text=Menu")
        page.click("#rail >> text=Servers")
        page.wait_for_url("**/admin/servers")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_accessibility(page: Page, site: Site, demo: str, theme: str) -> None:
    page.context.add_cookies([{"name": "theme", "value": theme, "url": site.url}])
    page.goto("/login")
    check(page)
    log_in(page)
    tool, server = "/admin/tools/demo-add", "/admin/servers/new"
    lists = ("/admin/gateways", "/admin/tools", "/admin/servers", "/admin/tags", "/admin/search?q=demo", "/docs")
    for path in ("/admin", *lists, "/docs/tools", tool, demo, server, f"{demo}/delete"):
        page.goto(path)
        check(page)
    page.goto(tool)
    page.click("button:has-text('Call')", no_wait_after=True)
    page.eval_on_selector("form[data-ctrl-enter]", "form => { form.noValidate = true; form.requestSubmit(); }")
    expect(page.locator("[role=alert]")).to_be_focused()
    check(page)


def check(page: Page) -> None:
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"
