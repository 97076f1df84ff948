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
        ({"per_page": 5}, [("per_page", "extra_forbidden")]),
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
