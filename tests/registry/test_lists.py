"""Lists: pages by cursor, filters, and parameters that make no sense."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import QueryDict

from auth_app.actor import Actor
from gatewaysite.errors import BadInput
from proxy_app.registry import query, reading, work
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import GATEWAYS, TOOLS
from tests.builders import a_gateway, a_server, a_team, a_tool
from tests.registry.conftest import Caller, People, an_item, every_kind


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["name"] for item in answer.json()]


def complaints(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.content
    assert all(error["loc"][0] == "query" for error in answer.json()["detail"])
    return [(error["loc"][1], error["type"]) for error in answer.json()["detail"]]


@every_kind
def test_cursors_lead_through_all_items_newest_first_even_those_of_the_same_moment(admin: Caller, kind: Kind) -> None:
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 2, 2, 2, 3, 3)]
    made = [an_item(kind.slug, created_at=moment) for moment in moments]
    seen: list[dict[str, Any]] = []
    parameters = {"include_pagination": "true", "limit": 2}
    cursor = None
    for _ in range(4):
        answer = admin.get(f"/{kind.slug}", **parameters | ({"cursor": cursor} if cursor else {})).json()
        assert set(answer) == {kind.slug, "nextCursor"}
        seen += answer[kind.slug]
        cursor = answer["nextCursor"]
    assert cursor is None
    newest_first = sorted(made, key=lambda row: (row.created_at, row.pk), reverse=True)
    assert [item["id"] for item in seen] == [row.pk.hex for row in newest_first]


@every_kind
def test_there_is_no_next_cursor_when_nothing_follows(admin: Caller, kind: Kind) -> None:
    assert admin.get(f"/{kind.slug}", include_pagination="true").json() == {kind.slug: [], "nextCursor": None}
    an_item(kind.slug)
    assert admin.get(f"/{kind.slug}", include_pagination="true", limit=1).json()["nextCursor"] is None


def test_a_cursor_of_another_list_or_of_nobody_is_refused(admin: Caller) -> None:
    for _ in range(2):
        a_tool()
    cursor = admin.get("/tools", include_pagination="true", limit=1).json()["nextCursor"]
    for path, wrong in (("/gateways", cursor), ("/tools", cursor[:-2]), ("/tools", "garbage"), ("/tools", "a" * 501)):
        answer = admin.get(path, include_pagination="true", cursor=wrong)
        assert answer.status_code == (400 if len(wrong) <= 500 else 422)
        assert answer.json()["code"] == ("bad_cursor" if len(wrong) <= 500 else "invalid_request")
    assert len(admin.get("/tools", include_pagination="true", cursor=cursor).json()["tools"]) == 1


def test_a_limit_is_kept_and_zero_means_all_there_may_be(admin: Caller) -> None:
    gateway = a_gateway()
    for number in range(52):
        a_tool(f"t{number}", gateway=gateway)
    assert len(admin.get("/tools").json()) == query.DEFAULT_LIMIT == 50
    assert len(admin.get("/tools", limit=7).json()) == 7
    assert len(admin.get("/tools", limit=0).json()) == 52


def test_all_ends_somewhere_and_says_so(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reading, work):
        monkeypatch.setattr(module, "ALL_LIMIT", 2)
    for _ in range(3):
        a_gateway()
    answer = admin.get("/gateways", limit=0, include_pagination="true").json()
    assert len(answer["gateways"]) == 2
    rest = admin.get("/gateways", limit=0, include_pagination="true", cursor=answer["nextCursor"]).json()
    assert (len(rest["gateways"]), rest["nextCursor"]) == (1, None)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"limit": -1}, [("limit", "greater_than_equal")]),
        ({"limit": 501}, [("limit", "less_than_equal")]),
        ({"limit": "many"}, [("limit", "int_parsing")]),
        ({"limit": ["1", "2"]}, [("limit", "repeated")]),
        ({"include_inactive": "perhaps"}, [("include_inactive", "bool_parsing")]),
        ({"visibility": "secret"}, [("visibility", "literal_error")]),
        ({"team_id": "blue"}, [("team_id", "uuid_parsing")]),
        ({"gateway_id": "gw1"}, [("gateway_id", "uuid_parsing"), ("gateway_id", "literal_error")]),
        ({"search": "a\x00b"}, [("search", "value_error")]),
        ({"tags": "a\x00"}, [("tags", "value_error")]),
        ({"search": "a" * 256}, [("search", "string_too_long")]),
        ({"page": 0}, [("page", "greater_than_equal")]),
        ({"per_page": 501}, [("per_page", "less_than_equal")]),
        ({"page": 1, "limit": 5}, [("limit", "clash")]),
        (
            {"page": 1, "cursor": "x", "include_pagination": "true"},
            [("cursor", "clash"), ("include_pagination", "clash")],
        ),
        ({"sort": "name", "cursor": "x"}, [("cursor", "clash")]),
        ({"sort": "secret"}, [("sort", "literal_error")]),
        ({"created_since": "yesterday"}, [("created_since", "datetime_from_date_parsing")]),
        ({"updated_since": "2026-01-01T00:00:00"}, [("updated_since", "timezone_aware")]),
        ({"apijsonpath": "$[*].name"}, [("apijsonpath", "extra_forbidden")]),
    ],
)
def test_a_parameter_that_is_wrong_repeated_or_unknown_is_named(
    admin: Caller, parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = complaints(admin.get("/tools", **parameters))
    assert [name for name, _ in found] == [name for name, _ in expected]
    assert {type_ for _, type_ in expected} <= {type_ for _, type_ in found}


def test_tags_mean_any_of_them(admin: Caller) -> None:
    gateway = a_gateway()
    for name, tags in (("one", ["a"]), ("two", ["b", "c"]), ("three", [])):
        a_tool(name, gateway=gateway, tags=tags)
    assert len(names(admin.get("/tools", tags="a, c"))) == 2
    assert len(names(admin.get("/tools", tags="b"))) == 1
    assert names(admin.get("/tools", tags="no-such-tag")) == []


@every_kind
def test_a_plus_between_tags_means_both_and_a_comma_any(admin: Caller, kind: Kind) -> None:
    tagged = {tags: an_item(kind.slug, tags=tags.split()).name for tags in ("a", "a b", "b", "c++ d", "")}
    for asked, expected in {
        "a+b": ["a b"],
        "a+b, c++": ["a b", "c++ d"],
        "c+++d": [],  # who knows what that means
        "d+c++": ["c++ d"],
        "a+x": [],
    }.items():
        assert sorted(names(admin.get(f"/{kind.slug}", tags=asked))) == sorted(tagged[one] for one in expected), asked


@every_kind
def test_a_list_has_numbered_pages_for_those_who_want_them(admin: Caller, kind: Kind) -> None:
    made = [an_item(kind.slug).pk.hex for _ in range(5)]
    an_item(kind.slug, enabled=False)
    answer = admin.get(f"/{kind.slug}", page=2, per_page=2, sort="createdAt").json()
    assert [item["id"] for item in answer["data"]] == made[2:4]
    assert answer["pagination"] == {
        "page": 2, "perPage": 2, "totalItems": 5, "totalPages": 3, "hasNext": True, "hasPrev": True,
        "nextCursor": None, "prevCursor": None,
    }  # fmt: skip
    there = f"/{kind.slug}?page={{}}&per_page=2&sort=createdAt"
    assert answer["links"] == {
        "self": there.format(2), "first": there.format(1), "last": there.format(3), "next": there.format(3),
        "prev": there.format(1),
    }  # fmt: skip
    last = admin.get(answer["links"]["next"]).json()
    assert (len(last["data"]), last["links"]["next"], last["pagination"]["hasNext"]) == (1, None, False)
    beyond = admin.get(f"/{kind.slug}", page=9).json()
    assert (beyond["data"], beyond["pagination"]["totalItems"], beyond["pagination"]["totalPages"]) == ([], 5, 1)


@every_kind
def test_a_list_is_sorted_by_a_member_either_way(admin: Caller, kind: Kind) -> None:
    made = sorted(an_item(kind.slug).name for _ in range(3))
    assert names(admin.get(f"/{kind.slug}", sort="name")) == made
    assert names(admin.get(f"/{kind.slug}", sort="-name", limit=2)) == made[:0:-1]


@every_kind
def test_ids_alone_are_of_the_same_items_as_the_list(admin: Caller, kind: Kind) -> None:
    made = [an_item(kind.slug, tags=["x"]).pk.hex for _ in range(3)]
    an_item(kind.slug, tags=["x"], enabled=False)
    an_item(kind.slug)
    answer = admin.get(f"/{kind.slug}/ids", tags="x")
    assert answer.json() == {f"{kind.singular}_ids": made[::-1], "count": 3, "complete": True}
    assert complaints(admin.get(f"/{kind.slug}/ids", limit=3)) == [("limit", "extra_forbidden")]


def test_there_are_only_so_many_ids_and_the_answer_says_so(people: People) -> None:
    for _ in range(3):
        a_gateway()
    user = people.admin.user
    assert user
    found, is_all = work.list_ids(GATEWAYS, Actor(user.pk, user.email, True), query.DEFAULT, limit=2)
    assert (len(found), is_all) == (2, False)


@every_kind
def test_items_are_narrowed_by_owner_and_by_when_they_came_and_changed(people: People, kind: Kind) -> None:
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    mine = an_item(kind.slug, owner=people.member.user, created_at=old, updated_at=new).name
    other = an_item(kind.slug, owner=people.owner.user, created_at=new, updated_at=new).name
    an_item(kind.slug, owner=None, created_at=old, updated_at=old)
    admin = people.admin
    assert names(admin.get(f"/{kind.slug}", owner="MEMBER@example.com")) == [mine]
    assert names(admin.get(f"/{kind.slug}", created_since="2026-01-15T00:00:00Z")) == [other]
    assert sorted(names(admin.get(f"/{kind.slug}", updated_since="2026-02-01T00:00:00+00:00"))) == sorted([mine, other])


@every_kind
def test_q_is_another_word_for_search(admin: Caller, kind: Kind) -> None:
    wanted = an_item(kind.slug, description="zebra stripes").name
    an_item(kind.slug, description="zebra")
    assert names(admin.get(f"/{kind.slug}", q="zebra stripes")) == [wanted]
    assert names(admin.get(f"/{kind.slug}", q="zebra", search="stripes")) == [wanted]


def test_items_are_narrowed_by_team_visibility_and_gateway(people: People) -> None:
    blue = a_gateway("blue", visibility="team", team=people.team)
    red = a_gateway("red", visibility="team", team=a_team("Red"))
    a_tool("t", gateway=blue), a_tool("t", gateway=red), a_tool("local", gateway=a_gateway("open"))
    admin = people.admin
    assert names(admin.get("/tools", team_id=people.team.pk.hex)) == ["blue-t"]
    assert names(admin.get("/tools", visibility="public")) == ["open-local"]
    assert names(admin.get("/tools", gateway_id=red.pk.hex)) == ["red-t"]
    assert names(admin.get("/tools", gateway_id="null")) == []
    assert names(people.member.get("/tools", gateway_id=red.pk.hex)) == []


def test_every_word_searched_for_has_to_be_somewhere(admin: Caller) -> None:
    gateway = a_gateway("gw")
    a_tool("weather", gateway=gateway, description="The sun and 100% of the rain")
    a_tool("clock", gateway=gateway, description="What time it is in the sun")
    assert names(admin.get("/tools", search="SUN weather")) == ["gw-weather"]
    assert names(admin.get("/tools", search="100%")) == ["gw-weather"]
    assert names(admin.get("/tools", search="%")) == ["gw-weather"]
    assert names(admin.get("/tools", search="' OR 1=1 --")) == []


def test_gateways_are_narrowed_by_how_their_registration_stands(admin: Caller) -> None:
    a_gateway("good")
    a_gateway("bad", status="failed")
    assert names(admin.get("/gateways", status="failed")) == ["bad"]
    assert complaints(admin.get("/gateways", status="odd"))[0][0] == "status"


def test_the_tools_of_a_server_are_a_list_like_any_other(admin: Caller) -> None:
    gateway = a_gateway("gw")
    tools = [a_tool(name, gateway=gateway) for name in ("a", "b", "c")]
    a_tool("elsewhere", gateway=gateway)
    server = a_server("mine", tools=tuple(tools))
    a_server("other", tools=tuple(tools[:1]))
    path = f"/servers/{server.pk.hex}/tools"
    assert sorted(names(admin.get(path))) == ["gw-a", "gw-b", "gw-c"]
    assert sorted(names(admin.get("/servers/mine/tools"))) == ["gw-a", "gw-b", "gw-c"]
    first = admin.get(path, include_pagination="true", limit=2).json()
    rest = admin.get(path, include_pagination="true", limit=2, cursor=first["nextCursor"]).json()
    assert len(first["tools"]) + len(rest["tools"]) == 3
    assert rest["nextCursor"] is None
    assert admin.get(f"/servers/{server.pk.hex}/resources").json() == []
    assert admin.get(f"/servers/{server.pk.hex}/prompts").json() == []
    assert admin.get("/servers/no-such/tools").status_code == 404


def test_a_page_counts_sorts_and_ignores_empty_fields(people: People) -> None:
    for name in ("b", "c", "a"):
        a_gateway(name)
    user = people.admin.user
    assert user
    actor = Actor(user.pk, user.email, True)
    asked = query.from_page(GATEWAYS, QueryDict("search=&tags=&sort=name&page=1&visibility="))
    listing = work.list_items(GATEWAYS, actor, asked)
    assert ([item["name"] for item in listing.items], listing.total) == (["a", "b", "c"], 3)
    asked = query.from_page(GATEWAYS, QueryDict("sort=-toolCount"))
    assert len(work.list_items(GATEWAYS, actor, asked).items) == 3
    for wrong in ("page=0", "sort=nothing", "utm=1", "page=1&page=2"):
        with pytest.raises(BadInput):
            query.from_page(TOOLS, QueryDict(wrong))


def test_nobody_gets_somebody_elses_list_from_a_kept_statement(people: People) -> None:
    a_gateway("own", visibility="private", owner=people.member.user)
    for _ in range(2):
        assert names(people.member.get("/gateways")) == ["own"]
        assert names(people.stranger.get("/gateways")) == []
    people.member.post("/gateways/own/state?activate=false")
    assert names(people.member.get("/gateways")) == []
