"""One action on many items, for every kind: how it went with each, and nobody's refusal another's."""

from typing import Any

import pytest
from django.db import OperationalError
from psycopg_pool import PoolTimeout

from auth_app.models import AuditEntry, Denial
from gatewaysite.errors import PoolFull
from proxy_app.registry import work
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import TOOLS
from tests.builders import a_gateway, a_tool
from tests.registry.conftest import Caller, People, an_item, every_kind

UNKNOWN = "0" * 32


def run(caller: Caller, kind: Kind, action: str, ids: list[str], **more: Any) -> Any:
    return caller.post(f"/{kind.slug}/bulk", {"action": action, "ids": ids, **more})


def told(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.content
    return {one["id"]: one["code"] or one["status"] for one in answer.json()["results"]}


@every_kind
def test_many_are_switched_deleted_and_each_has_its_audit_entry(admin: Caller, kind: Kind) -> None:
    rows = [an_item(kind.slug) for _ in range(3)]
    ids = [row.pk.hex for row in rows]
    for action, written in (("disable", "disabled"), ("enable", "enabled"), ("delete", "deleted")):
        answer = run(admin, kind, action, ids)
        assert (answer.json()["ok"], answer.json()["failed"]) == (3, 0)
        assert [(one["id"], one["name"]) for one in answer.json()["results"]] == [
            (row.pk.hex, row.name) for row in rows
        ]
        assert AuditEntry.objects.filter(action=f"{kind.singular}.{written}", object_id__in=ids).count() == 3
    assert admin.get(f"/{kind.slug}", include_inactive="true").json() == []


@every_kind
def test_many_are_tagged_and_untagged_and_keep_their_other_tags(admin: Caller, kind: Kind) -> None:
    one, two = (an_item(kind.slug, tags=tags).pk.hex for tags in (["a", "b"], []))
    assert told(run(admin, kind, "tag", [one, two], tags=["b", "c"])) == {one: "ok", two: "ok"}
    assert told(run(admin, kind, "untag", [one, two], tags=["a", "c"])) == {one: "ok", two: "ok"}
    tags = {item["id"]: [tag["id"] for tag in item["tags"]] for item in admin.get(f"/{kind.slug}").json()}
    assert tags == {one: ["b"], two: ["b"]}


@every_kind
def test_many_are_moved_to_a_team(people: People, kind: Kind) -> None:
    ids = [an_item(kind.slug).pk.hex for _ in range(2)]
    scope = {"visibility": "team", "teamId": people.team.pk.hex}
    assert set(told(run(people.admin, kind, "move", ids, **scope)).values()) == {"ok"}
    assert {item["teamId"] for item in people.member.get(f"/{kind.slug}").json()} == {people.team.pk.hex}
    assert people.stranger.get(f"/{kind.slug}").json() == []


@every_kind
def test_what_one_may_not_change_or_not_see_hinders_nothing_else(people: People, kind: Kind) -> None:
    mine = an_item(kind.slug, owner=people.member.user).pk.hex
    foreign = an_item(kind.slug, owner=people.owner.user).pk.hex
    hidden = an_item(kind.slug, owner=people.owner.user, visibility="private").pk.hex
    answer = run(people.member, kind, "disable", [hidden, foreign, UNKNOWN, mine, mine])
    assert told(answer) == {hidden: "not_found", foreign: "forbidden", UNKNOWN: "not_found", mine: "ok"}
    assert (answer.json()["ok"], answer.json()["failed"]) == (1, 3)
    results = {one["id"]: one for one in answer.json()["results"]}
    assert results[hidden] | {"id": "", "message": ""} == results[UNKNOWN] | {"id": "", "message": ""}
    assert Denial.objects.filter(pk=results[foreign]["decision_id"], object_id=foreign)
    off = [item["id"] for item in people.member.get(f"/{kind.slug}", include_inactive="true").json()
           if not item["enabled"]]  # fmt: skip
    assert off == [mine]


@every_kind
def test_a_slug_will_do(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    assert told(run(admin, kind, "disable", [row.slug])) == {row.slug: "ok"}


def test_a_clash_of_one_is_told_of_that_one(people: People) -> None:
    user = people.admin.user
    first, second = (
        a_gateway("x", visibility="private", owner=user),
        a_gateway("x", visibility="team", team=people.team),
    )
    other = a_gateway("y", visibility="private", owner=user)
    ids = [second.pk.hex, first.pk.hex, other.pk.hex]
    answer = people.admin.post("/gateways/bulk", {"action": "move", "ids": ids, "visibility": "public"})
    assert told(answer) == {second.pk.hex: "ok", first.pk.hex: "name_taken", other.pk.hex: "ok"}


def test_nothing_gets_more_tags_than_it_may_have(admin: Caller) -> None:
    full = a_tool(tags=[f"t{number}" for number in range(50)]).pk.hex
    assert told(run(admin, TOOLS, "tag", [full], tags=["one more"])) == {full: "invalid_request"}
    assert told(run(admin, TOOLS, "tag", [full], tags=["t1"])) == {full: "ok"}


TIMED_OUT = OperationalError("every connection is in use")
TIMED_OUT.__cause__ = PoolTimeout()


@pytest.mark.parametrize("trouble", [PoolFull(), TIMED_OUT])
def test_when_the_gateway_is_in_trouble_the_rest_is_not_tried(
    admin: Caller, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    ids = [a_gateway().pk.hex for _ in range(4)]
    tried, real = [], work.set_enabled

    def failing(kind: Kind, actor: Any, key: str, *args: Any) -> Any:
        tried.append(key)
        if key == ids[1]:
            raise trouble
        return real(kind, actor, key, *args)

    monkeypatch.setattr(work, "set_enabled", failing)
    answer = admin.post("/gateways/bulk", {"action": "disable", "ids": ids})
    assert [one["status"] for one in answer.json()["results"]] == ["ok", "error", "error", "error"]
    assert {one["code"] for one in answer.json()["results"][1:]} == {"unavailable"}
    assert tried == ids[:2]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"ids": ["x"]}, "missing"),
        ({"action": "explode", "ids": ["x"]}, "literal_error"),
        ({"action": "enable", "ids": []}, "too_short"),
        ({"action": "enable", "ids": ["x"] * 501}, "too_long"),
        ({"action": "tag", "ids": ["x"]}, "missing"),
        ({"action": "tag", "ids": ["x"], "tags": ["a,b"]}, "comma"),
        ({"action": "move", "ids": ["x"]}, "missing"),
        ({"action": "enable", "ids": ["x"], "tags": ["a"]}, "extra_forbidden"),
        ({"action": "delete", "ids": ["x"], "force": True}, "extra_forbidden"),
    ],
)
def test_a_request_that_says_too_little_or_too_much_does_nothing(
    admin: Caller, body: dict[str, Any], complaint: str
) -> None:
    answer = admin.post("/tools/bulk", body)
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, complaint)
