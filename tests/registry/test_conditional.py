"""Entity tags, for every kind: 304 for what one has already, 412 for writing over what somebody else wrote."""

from typing import Any

import pytest

from auth_app.models import AuditEntry
from proxy_app.models import Gateway
from proxy_app.registry.kind import Kind
from tests.builders import a_gateway, a_tool
from tests.registry.conftest import Caller, People, an_item, every_kind

WRITES = {
    "put": ("PUT", "", b'{"description": "mine"}'),
    "patch": ("PATCH", "", b'{"description": "mine"}'),
    "state": ("POST", "/state?activate=false", b""),
    "delete": ("DELETE", "", b""),
}
every_write = pytest.mark.parametrize("write", WRITES)


def sent(caller: Caller, path: str, write: str, tag: str | None) -> Any:
    method, below, body = WRITES[write]
    headers = {} if tag is None else {"If-Match": tag}
    return caller.send(method, path + below, body, headers=headers)


@every_kind
def test_what_has_not_changed_is_304_and_empty(admin: Caller, kind: Kind) -> None:
    path = f"/{kind.slug}/{an_item(kind.slug).pk.hex}"
    for one in (path, f"/{kind.slug}", f"/{kind.slug}?include_pagination=true", f"/{kind.slug}?page=1"):
        first = admin.get(one)
        assert first["Cache-Control"] == "private, no-cache"
        for known in (first["ETag"], f'"other", {first["ETag"]}', f"W/{first['ETag']}", "*"):
            again = admin.send("GET", one, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        assert admin.send("GET", one, headers={"If-None-Match": '"other"'}).json() == first.json()


@every_kind
def test_a_change_gives_another_tag_to_the_item_and_to_the_list(admin: Caller, kind: Kind) -> None:
    path = f"/{kind.slug}/{an_item(kind.slug).pk.hex}"
    before = {one: admin.get(one)["ETag"] for one in (path, f"/{kind.slug}")}
    changed = admin.put(path, {"description": "new"})
    assert changed["ETag"].startswith('"2-')
    assert admin.get(path)["ETag"] == changed["ETag"] != before[path]
    assert admin.get(f"/{kind.slug}")["ETag"] != before[f"/{kind.slug}"]


@every_kind
@every_write
def test_whoever_writes_over_a_version_they_have_not_seen_is_told(admin: Caller, kind: Kind, write: str) -> None:
    row = an_item(kind.slug, description="theirs", version=7)
    path = f"/{kind.slug}/{row.pk.hex}"
    answer = sent(admin, path, write, '"6"')
    assert (answer.status_code, answer.json()["code"], answer["ETag"]) == (412, "precondition_failed", '"7"')
    assert "version 7" in answer.json()["detail"]
    item = admin.get(path).json()
    assert (item["description"], item["enabled"], item["version"]) == ("theirs", True, 7)
    assert not AuditEntry.objects.filter(object_id=row.pk.hex)


@every_kind
@every_write
@pytest.mark.parametrize("said", ["whole", "version", "one of several", "star", "weakened", "nothing"])
def test_whoever_writes_what_they_have_seen_may(admin: Caller, kind: Kind, write: str, said: str) -> None:
    path = f"/{kind.slug}/{an_item(kind.slug, version=7).pk.hex}"
    whole = admin.get(path)["ETag"]
    tags = {
        "whole": whole, "version": '"7"', "one of several": f'"6", {whole}', "star": "*", "weakened": f"W/{whole}",
        "nothing": None,
    }  # fmt: skip
    assert sent(admin, path, write, tags[said]).status_code == 200


@every_write
def test_a_tag_that_is_none_is_refused(admin: Caller, write: str) -> None:
    path = f"/tools/{a_tool().pk.hex}"
    for wrong in ("7", "", '"7', '"7" "8"', "W/7"):
        answer = sent(admin, path, write, wrong)
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["header", "If-Match"])


@every_write
def test_a_tag_tells_nobody_of_what_they_may_not_see_or_change(people: People, write: str) -> None:
    hidden = a_gateway(visibility="private", owner=people.owner.user)
    assert sent(people.stranger, f"/gateways/{hidden.pk.hex}", write, '"99"').status_code == 404
    shown = a_gateway(owner=people.owner.user)
    assert sent(people.stranger, f"/gateways/{shown.pk.hex}", write, '"99"').status_code == 403


def test_what_was_measured_changes_the_answer_but_makes_no_write_stale(admin: Caller) -> None:
    gateway = a_gateway()
    path = f"/gateways/{gateway.pk.hex}"
    tag = admin.get(path)["ETag"]
    Gateway.objects.update(reachable=False, health="down")
    assert admin.get(path)["ETag"] != tag
    assert admin.send("GET", path, headers={"If-None-Match": tag}).status_code == 200
    assert sent(admin, path, "put", tag).status_code == 200
