"""The search in everything one may see."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from proxy_app.models import Tool
from proxy_app.models.words import OF_AN_ITEM
from proxy_app.registry.kind import Kind
from tests.builders import a_gateway, a_prompt, a_resource, a_server, a_team, a_tool, a_user
from tests.registry.conftest import Caller, People, admin, alone, an_item, every_kind, people

__all__ = ["admin", "people"]


def found(caller: Caller, q: str, **more: Any) -> dict[str, list[str]]:
    answer = caller.get("/search", q=q, **more)
    assert answer.status_code == 200, answer.content
    results = answer.json()["results"]
    return {one: [item["name"] for item in items] for one, items in results.items() if items}


@every_kind
def test_an_item_of_every_kind_is_found_by_its_name_and_by_its_description(admin: Caller, kind: Kind) -> None:
    row = alone(kind.slug, description="Where zebras go")
    alone(kind.slug)
    for words in (row.name, row.name.upper(), "zebras", "zeb GO", f"{row.name} zebra"):
        assert found(admin, words) == {kind.slug: [row.name]}, words
    assert found(admin, "ebras") == found(admin, "zebras unicorn") == found(admin, "---") == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "github-list_pull.requests",
            ["github", "list", "pull", "requests", "req", "list_pull", "github-list", "pull.req"],
        ),
        ("naïve Größe", ["naïve", "größ"]),
        ("aa:bb/cc<dd>", ["aa", "bb", "cc", "dd", "aa:bb"]),
        ("100%", ["100"]),
    ],
)
def test_names_are_found_by_their_parts(admin: Caller, name: str, words: list[str]) -> None:
    a_gateway("x", description=name)
    for word in words:
        assert found(admin, word) == {"gateways": ["x"]}, word


@pytest.mark.parametrize("text", ["' OR 1=1 --", "a & | !(", "x:*", "\\", "<script>alert(1)</script>", "!", "é" * 255])
def test_signs_mean_nothing(admin: Caller, text: str) -> None:
    assert admin.get("/search", q=text).status_code == 200


def test_who_is_called_so_comes_before_who_only_says_so_and_the_short_before_the_long(admin: Caller) -> None:
    for name, description in (("other", "about weather"), ("weather-forecast", ""), ("weather", "")):
        a_server(name, description=description)
    assert found(admin, "weath") == {"servers": ["weather", "weather-forecast", "other"]}


def test_everybody_finds_what_they_may_see_and_nothing_else(people: People) -> None:
    scopes: dict[str, dict[str, Any]] = {
        "own": {"visibility": "private", "owner": people.member.user},
        "blue": {"visibility": "team", "team": people.team},
        "open": {},
    }
    for place, scope in scopes.items():
        a_gateway(f"thing-{place}", **scope)
    expected = {
        "owner": ["blue", "open"], "member": ["blue", "open", "own"], "viewer": ["blue", "open"], "stranger": ["open"],
        "admin": ["blue", "open"],
    }  # fmt: skip
    for who, caller in people.all().items():
        assert sorted(found(caller, "thing").get("gateways", [])) == [f"thing-{one}" for one in expected[who]], who


def test_teams_are_for_their_people_and_people_for_those_who_may_see_them_when_asked(people: People) -> None:
    a_team("Bluebird")
    a_user("blueman@example.com")
    assert found(people.member, "blue") == {"teams": ["Blue"]}
    assert found(people.stranger, "blue") == {}
    assert found(people.admin, "blue") == {"teams": ["Blue", "Bluebird"]}
    assert found(people.admin, "blue", entity_types="users") == {"users": ["blueman@example.com"]}
    assert found(people.member, "blue", entity_types="users") == {}


def test_a_search_is_narrowed_by_type_tags_gateway_team_and_state(people: People) -> None:
    admin, gateway = people.admin, a_gateway("gw")
    a_tool("one", gateway=gateway, tags=["a", "b"], description="needle")
    a_resource("two", gateway=gateway, tags=["a"], description="needle")
    a_prompt("three", visibility="team", team=people.team, description="needle")
    a_server("four", enabled=False, description="needle")
    assert found(admin, "needle", entity_types="tools,resources") == {"tools": ["gw-one"], "resources": ["two"]}
    assert found(admin, "needle", tags="a+b") == {"tools": ["gw-one"]}
    assert found(admin, "", tags="a") == {"tools": ["gw-one"], "resources": ["two"]}
    assert found(admin, "needle", gateway_id=gateway.pk.hex) == {"tools": ["gw-one"], "resources": ["two"]}
    assert list(found(admin, "needle", team_id=people.team.pk.hex)) == ["prompts"]
    assert found(admin, "needle", entity_types="servers", include_inactive="true") == {"servers": ["four"]}


def test_so_many_of_each_type_and_no_more(admin: Caller) -> None:
    gateway = a_gateway("gw")
    for number in range(10):
        a_tool(f"needle{number}", gateway=gateway)
    assert len(found(admin, "needle")["tools"]) == 8
    assert len(found(admin, "needle", limit=3)["tools"]) == 3
    assert len(found(admin, "needle", limit_per_type=9)["tools"]) == 9


def test_all_kinds_are_one_statement(admin: Caller) -> None:
    a_tool("needle")
    with CaptureQueriesContext(connection) as queries:
        found(admin, "needle")
    assert len([query for query in queries if "to_tsquery" in query["sql"]]) == 1


def test_postgresql_knows_the_index_again(db: None) -> None:
    query = "SELECT name FROM proxy_app_tool WHERE {} @@ to_tsquery('simple', %s)"
    words, _ = (
        Tool.objects.annotate(words=OF_AN_ITEM)
        .query.get_compiler("default")
        .compile(OF_AN_ITEM.resolve_expression(Tool.objects.all().query))
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {query.format(words)}", ["x:*"])
        assert "tool_words" in str(cursor.fetchall())


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"entity_types": "nope"}, 400),
        ({"entity_types": "tools,nope"}, 400),
        ({"limit": 0}, 422),
        ({"size": 3}, 422),
        ({"q": "a\x00"}, 422),
    ],
)
def test_what_makes_no_sense_is_refused(admin: Caller, parameters: dict[str, Any], status: int) -> None:
    assert admin.get("/search", **parameters).status_code == status


# --- What clients of the existing system know -------------------------------------------------------------------------


def test_the_answer_has_the_recorded_members(admin: Caller) -> None:
    tool = a_tool("needle", gateway=a_gateway("gw"))
    answer = admin.get("/search", q="needle", entity_types="tools,teams", limit=2).json()
    item = {
        "id": tool.pk.hex, "name": "gw-needle", "display_name": "Needle", "custom_name": "needle",
        "description": "What needle does",
    }  # fmt: skip
    assert answer == {
        "query": "needle",
        "tags": "",
        "entity_types": ["tools", "teams"],
        "limit_per_type": 2,
        "filters_applied": {"q": "needle", "tags": "", "tag_groups": []},
        "results": {"tools": [item], "teams": []},
        "groups": [
            {"entity_type": "tools", "count": 1, "items": [item]},
            {"entity_type": "teams", "count": 0, "items": []},
        ],
        "items": [item | {"entity_type": "tools"}],
        "count": 1,
    }


@pytest.mark.parametrize(("slug", "members"), [
    ("resources", {"id", "name", "description"}),
    ("prompts", {"id", "name", "original_name", "display_name", "description"}),
])  # fmt: skip
def test_items_have_the_recorded_members(admin: Caller, slug: str, members: set[str]) -> None:
    row = an_item(slug)
    (item,) = admin.get("/search", q=row.name).json()["results"][slug]
    assert set(item) == members


def test_without_words_nothing_is_looked_for(admin: Caller) -> None:
    a_tool()
    answer = admin.get("/search").json()
    assert (answer["groups"], answer["items"], answer["count"], answer["limit_per_type"]) == ([], [], 0, 8)
    recorded = {"servers", "gateways", "tools", "resources", "prompts", "teams"}
    assert recorded <= set(answer["entity_types"])
    assert set(answer["entity_types"]) == set(answer["results"])
    assert not any(answer["results"].values())


def test_an_unknown_type_is_400_as_recorded_and_says_which_there_are(admin: Caller) -> None:
    answer = admin.get("/search", q="echo", entity_types="nope")
    assert (answer.status_code, answer.json()["detail"][:31]) == (400, "No valid entity_types requested")
    assert "tools" in answer.json()["detail"]


def test_nobody_searches_without_a_token(db: None) -> None:
    assert Caller().get("/search", q="x").status_code == 401
