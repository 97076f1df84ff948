"""Resources and prompts of our own in a real browser: added, read, rendered, brought back; and axe on each page."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_journeys import check

pytestmark = pytest.mark.xdist_group("browser")

HOSTILE = "<img src=x onerror=alert(1)>{{ 7*7 }}"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f80f00010501012718e366"
    "0000000049454e44ae426082"
)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_prompt_is_added_rendered_changed_and_brought_back(admin_page: Page, site: Site, theme: str) -> None:
    admin_page.context.add_cookies([{"name": "theme", "value": theme, "url": site.url}])
    admin_page.goto("/admin/prompts/new")
    admin_page.fill("#name", f"Greet {theme}")
    admin_page.fill("#template", "Hello {{ who }}")
    admin_page.click("button:has-text('Show its arguments')")
    admin_page.fill("#described-who", "Whom to greet")
    check(admin_page)
    admin_page.click("main >> button:has-text('Add prompt')")
    admin_page.fill("#given-who", HOSTILE)
    admin_page.click("button:has-text('Render')")
    expect(admin_page.locator("#result pre")).to_have_text(f"Hello {HOSTILE}")
    check(admin_page)
    admin_page.click("a:has-text('Edit')")
    admin_page.fill("#template", "Good day, {{ who }}")
    check(admin_page)
    admin_page.click("button:has-text('Save')")
    expect(admin_page.locator("pre[aria-label='Template']")).to_have_text("Good day, {{ who }}")
    check(admin_page)
    admin_page.click("button:has-text('Bring back')")
    expect(admin_page.locator("pre[aria-label='Template']")).to_have_text("Hello {{ who }}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_resource_is_added_as_text_and_as_a_file_and_shown_as_what_it_is(
    admin_page: Page, site: Site, theme: str
) -> None:
    admin_page.context.add_cookies([{"name": "theme", "value": theme, "url": site.url}])
    admin_page.goto("/admin/resources/new")
    check(admin_page)
    admin_page.fill("#name", f"Note {theme}")
    admin_page.fill("#uri", f"note://{theme}")
    admin_page.fill("#content", HOSTILE)
    admin_page.click("main >> button:has-text('Add resource')")
    expect(admin_page.locator("#read pre")).to_have_text(HOSTILE)
    check(admin_page)
    admin_page.click("a:has-text('Edit')")
    admin_page.set_input_files("#file", {"name": "dot.png", "mimeType": "image/png", "buffer": PNG})
    check(admin_page)
    admin_page.click("button:has-text('Save')")
    image = admin_page.locator("#read img")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 1
    check(admin_page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_root_is_added_and_removed(admin_page: Page, site: Site, theme: str) -> None:
    admin_page.context.add_cookies([{"name": "theme", "value": theme, "url": site.url}])
    admin_page.goto("/admin/roots")
    check(admin_page)
    admin_page.fill("#uri", "ftp://example.com")
    admin_page.click("button:has-text('Add root')")
    expect(admin_page.locator("[role=alert]")).to_be_focused()
    check(admin_page)
    admin_page.fill("#uri", "https://example.com/project")
    admin_page.click("button:has-text('Add root')")
    expect(admin_page.locator("tbody th code")).to_have_text("https://example.com/project")
    check(admin_page)
    admin_page.click("summary:has-text('Remove')")
    admin_page.click("button:has-text('Remove this root')")
    expect(admin_page.locator(".empty")).to_contain_text("No root yet")
