"""Two people with one form: whoever saves second is told what the first has saved, at each control."""

import re
from typing import Any

from proxy_app.registry.kind import Kind
from tests.builders import a_server
from tests.pages.conftest import Visitor
from tests.registry.conftest import Caller, an_item, every_kind


def form_of(page: str) -> dict[str, str]:
    """What the form holds: enough of it to send it again."""
    texts = dict(re.findall(r'<input [^>]*name="(\w+)" value="([^"]*)"', page.partition('<form class="form')[2]))
    texts |= dict(re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n([^<]*)</textarea>', page))
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        texts[name] = next(iter(re.findall(r'value="([^"]*)" selected', options)), "")
    checks = re.findall(r'<input type="checkbox" [^>]*name="(\w+)" checked', page)
    return texts | dict.fromkeys(checks, "on")


@every_kind
def test_whoever_saves_over_a_change_they_have_not_seen_is_shown_it(admin: Visitor, kind: Kind) -> None:
    row = an_item(kind.slug, owner=admin.user, description="old")
    path = f"/admin/{kind.slug}/{row.pk.hex}/edit"
    form = form_of(admin.text(path)) | {"description": "mine"}
    assert form["version"] == "1"
    Caller(admin.user).put(f"/{kind.slug}/{row.pk.hex}", {"description": "theirs"})

    answer = admin.post(path, form)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "admin@example.com changed it while you did." in page
    assert "It says “theirs” now." in page
    assert ">\nmine</textarea>" in page
    row.refresh_from_db()
    assert (row.description, row.version) == ("theirs", 2)

    again = form_of(page)
    assert again["version"] == "2"
    assert admin.post(path, again).status_code == 303
    row.refresh_from_db()
    assert row.description == "mine"


def test_a_form_that_was_wrong_is_still_of_the_version_it_began_with(admin: Visitor) -> None:
    row = a_server("desk", owner=admin.user)
    path = f"/admin/servers/{row.pk.hex}/edit"
    form = form_of(admin.text(path)) | {"name": ""}
    Caller(admin.user).put(f"/servers/{row.pk.hex}", {"description": "theirs"})
    wrong = admin.post(path, form)
    assert wrong.status_code == 422
    assert admin.post(path, form_of(wrong.content.decode()) | {"name": "desk"}).status_code == 409


def test_nothing_stands_in_the_way_of_a_change_that_somebody_has_seen(admin: Visitor) -> None:
    row = a_server("desk", owner=admin.user)
    Caller(admin.user).put(f"/servers/{row.pk.hex}", {"description": "theirs"})
    path = f"/admin/servers/{row.pk.hex}/edit"
    answer: Any = admin.post(path, form_of(admin.text(path)) | {"description": "mine"})
    assert answer.status_code == 303
