"""Three tools in place of thousands: what they find, whom they hide it from, and that calling is calling."""

import json
from typing import Any
from uuid import uuid4

import pytest

from auth_app.actor import TokenScope
from proxy_app.dataplane.mcp.search import MOST_SEEN, Index
from proxy_app.observe.records import CallRecord
from proxy_app.snapshot.keeper import current
from tests.asgi_client import Answer
from tests.dataplane.calling import an_echo_at
from tests.dataplane.rpc import ERAS, call, error_of
from tests.dataplane.world import World
from tests.scripted_mcp import RESULT, ScriptedMcp, done

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

META = "/meta/mcp"
NAMES = ["search_tools", "describe_tool", "call_tool"]
every_era = pytest.mark.parametrize("era", ERAS)


async def used(token: str, name: str, arguments: Any, **how: Any) -> Answer:
    return await call(token, "tools/call", {"name": name, "arguments": arguments}, **{"path": META} | how)


def said(answer: Answer) -> str:
    (block,) = answer.json["result"]["content"]
    return str(block["text"])


async def found(token: str, query: str, **how: Any) -> list[str]:
    arguments = {"query": query} | {name: how.pop(name) for name in ("limit", "tags") if name in how}
    answer = await used(token, "search_tools", arguments, **how)
    assert answer.json["result"]["isError"] is False, said(answer)
    return [tool["name"] for tool in json.loads(said(answer))["tools"]]


@pytest.fixture
def shop(world: World) -> World:
    """A few tools whose words overlap."""
    world.gateway(name="shop")
    world.tool("create-invoice", description="Write a new invoice.", tags=["money"])
    world.tool("list-invoices", description="All invoices of a customer.", tags=["money"])
    world.tool("weather", title="Forecast", description="Rain or sunshine in Zürich.")
    return world


@every_era
async def test_a_client_of_the_meta_server_is_shown_three_tools(shop: World, era: str) -> None:
    token = shop.token()
    shop.publish()
    answer = await call(token, "tools/list", path=META, era=era)
    assert [tool["name"] for tool in answer.json["result"]["tools"]] == NAMES
    opened = await call(token, "initialize", {"protocolVersion": "2025-11-25"}, path=META)
    assert "search_tools" in opened.json["result"]["instructions"]
    everything = await call(token, "tools/list", era=era)
    assert not set(NAMES) & {tool["name"] for tool in everything.json["result"]["tools"]}


async def test_a_server_may_be_searched_in_place_of_being_listed(shop: World) -> None:
    token = shop.token()
    create, weather = shop.tools[0], shop.tools[2]
    renamed, told = {create["name"]: "billCustomer"}, {create["name"]: "Send somebody a dunning letter."}
    shop.server("desk", create, weather, aliases=renamed, descriptions=told, tool_mode="search", description="A desk.")
    shop.publish()
    where: dict[str, Any] = {"path": "/servers/desk/mcp"}
    answer = await call(token, "tools/list", **where)
    assert [tool["name"] for tool in answer.json["result"]["tools"]] == NAMES
    # Under the names and descriptions that it has there, and nothing that is not in it.
    assert await found(token, "dunning", **where) == await found(token, "customer bill", **where) == ["billCustomer"]
    assert await found(token, "invoices", **where) == []
    described = json.loads(said(await used(token, "describe_tool", {"name": "billCustomer"}, **where)))
    assert (described["name"], described["description"]) == ("billCustomer", "Send somebody a dunning letter.")
    opened = await call(token, "initialize", {"protocolVersion": "2025-11-25"}, **where)
    assert opened.json["result"]["instructions"].startswith("A desk.\n\n")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("create invoice", ["shop-create-invoice", "shop-list-invoices"]),
        ("INVOICES", ["shop-list-invoices", "shop-create-invoice"]),
        ("cust", ["shop-list-invoices"]),  # a word that is not finished
        ("zurich", ["shop-weather"]),
        ("forecast", ["shop-weather"]),
        ("money", ["shop-create-invoice", "shop-list-invoices"]),
        ("nothing-like-it", []),
        ("", ["shop-create-invoice", "shop-list-invoices", "shop-weather"]),
    ],
)
async def test_words_find_tools_by_name_title_tags_and_description(shop: World, query: str, names: list[str]) -> None:
    token = shop.token()
    shop.publish()
    assert sorted(await found(token, query)) == sorted(names)


async def test_the_best_comes_first_and_more_is_told(shop: World) -> None:
    token = shop.token()
    shop.publish()
    answer = await used(token, "search_tools", {"query": "list customer invoice", "limit": 1})
    told = json.loads(said(answer))
    assert [tool["name"] for tool in told["tools"]] == ["shop-list-invoices"]
    assert told["more"] is True
    assert told["tools"][0] == {
        "name": "shop-list-invoices", "description": "All invoices of a customer.", "tags": ["money"],
    }  # fmt: skip
    assert await found(token, "rain", tags=["money"]) == []
    assert await found(token, "", tags=["money", "other"], limit=50) == ["shop-create-invoice", "shop-list-invoices"]


async def test_what_one_may_not_see_is_neither_found_nor_described_nor_called(shop: World) -> None:
    red = uuid4()
    outsider, member, owner = shop.token(), shop.token(teams={red: "member"}), shop.token()
    shop.tool("secret-report", visibility="team", team_id=red, description="Secret invoices.")
    shop.tool("diary", visibility="private", owner_id=shop.actor(owner).user_id, description="Secret thoughts.")
    shop.server("mixed", *shop.tools, tool_mode="search")
    shop.publish()
    for where in (META, "/servers/mixed/mcp"):
        for query in ("secret", "invoice", "", "sec", "report diary"):
            assert not {"shop-secret-report", "shop-diary"} & set(await found(outsider, query, path=where, limit=50))
        assert await found(member, "secret", path=where) == ["shop-secret-report"]
        assert await found(owner, "secret", path=where) == ["shop-diary"]
        for tool in ("describe_tool", "call_tool"):
            hidden = await used(outsider, tool, {"name": "shop-secret-report"}, path=where)
            unknown = await used(outsider, tool, {"name": "shop-no-such-tool"}, path=where)
            assert hidden.json["result"]["isError"] is unknown.json["result"]["isError"] is True
            assert said(hidden) == said(unknown).replace("no-such-tool", "secret-report")


async def test_of_two_tools_with_one_name_the_callers_own_is_found_and_described(shop: World) -> None:
    token, other = shop.token(), shop.token()
    mine = shop.actor(token).user_id
    shop.tool("weather", visibility="private", owner_id=mine, description="My own barometer.")
    shop.publish()
    assert await found(token, "barometer") == ["shop-weather"]
    assert await found(token, "sunshine") == []
    assert await found(other, "sunshine") == ["shop-weather"]


@every_era
async def test_calling_by_way_of_the_meta_server_is_calling(world: World, records: list[CallRecord], era: str) -> None:
    async with ScriptedMcp(done) as upstream:
        token = an_echo_at(world, upstream.url)
        (tool,) = world.tools
        name = tool["name"]
        params = {"name": "call_tool", "arguments": {"name": name, "arguments": {"text": "hi", "big": 2**70}}}
        answer = await call(token, "tools/call", params, path=META, era=era)
        assert answer.json["result"]["content"] == RESULT["content"]
        (sent,) = upstream.asked("tools/call")
        assert sent.message["params"]["name"] == "echo"
        assert sent.message["params"]["arguments"] == {"text": "hi", "big": 2**70}
    (record,) = records
    assert (record.tool_id, record.tool_name, record.outcome) == (tool["id"], name, "ok")
    assert record.gateway_id == tool["gateway_id"]


async def test_searching_and_describing_are_recorded_under_their_own_names(
    shop: World, records: list[CallRecord]
) -> None:
    token = shop.token()
    shop.publish()
    await found(token, "x")
    await used(token, "describe_tool", {"name": "shop-weather"})
    await used(token, "describe_tool", {"name": "none"})
    assert [(record.tool_id, record.tool_name, record.outcome) for record in records] == [
        (None, "search_tools", "ok"), (None, "describe_tool", "ok"), (None, "describe_tool", "tool_error"),
    ]  # fmt: skip


async def test_who_may_only_look_finds_and_reads_and_does_not_call(shop: World) -> None:
    token = shop.token(scope=TokenScope(frozenset({"*.read"})))
    shop.publish()
    assert await found(token, "weather") == ["shop-weather"]
    assert json.loads(said(await used(token, "describe_tool", {"name": "shop-weather"})))["title"] == "Forecast"
    answer = await used(token, "call_tool", {"name": "shop-weather"})
    assert (answer.status, error_of(answer)["code"]) == (403, -31403)


async def test_a_tool_is_described_to_the_byte(shop: World) -> None:
    token = shop.token()
    schema = '{"type":"object","x-odd":1.50,"properties":{"b":{"type":"string"},"a":{}}}'
    shop.tool("odd", input_schema=schema)
    shop.publish()
    told = said(await used(token, "describe_tool", {"name": "shop-odd"}))
    assert f'"inputSchema":{schema}' in told


@pytest.mark.parametrize("era", ERAS)
async def test_other_names_than_the_three_are_unknown_even_those_of_real_tools(shop: World, era: str) -> None:
    token = shop.token()
    shop.publish()
    answer = await used(token, "shop-weather", {}, era=era)
    error = error_of(answer)
    assert error["code"] == -32602
    assert "search_tools" in error["message"]


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("search_tools", {"query": 1}, "query"),
        ("search_tools", {"query": "x", "limit": 0}, "limit"),
        ("search_tools", {"query": "x", "limit": 51}, "limit"),
        ("search_tools", {"query": "x", "limit": True}, "limit"),
        ("search_tools", {"query": "x", "tags": "money"}, "tags"),
        ("search_tools", {"query": "x", "page": 2}, "page"),
        ("search_tools", ["x"], "object"),
        ("describe_tool", {}, "name"),
        ("call_tool", {"arguments": {}}, "name"),
        ("call_tool", {"name": "shop-weather", "arguments": "{}"}, "arguments must be an object"),
        ("call_tool", {"name": "shop-weather", "arguments": None}, "arguments must be an object"),
        ("call_tool", {"name": "shop-weather", "text": "hi"}, "text"),
    ],
)
async def test_what_a_model_got_wrong_is_a_result_it_can_read(shop: World, name: str, arguments: Any, why: str) -> None:
    token = shop.token()
    shop.publish()
    answer = await used(token, name, arguments)
    assert (answer.status, answer.json["result"]["isError"]) == (200, True)
    assert why in said(answer)


@pytest.mark.parametrize(
    "query",
    [
        "(a+)+$" * 40,
        ".*",
        "[",
        "\\",
        "\x00",
        "weather\x00",
        "x" * 100_000,
        "ab " * 50_000,
        "\u202e",
        "' OR 1=1 --",
        "🙂",
    ],
)
async def test_a_hostile_query_is_only_words(shop: World, query: str) -> None:
    token = shop.token()
    shop.publish()
    names = await found(token, query)
    assert set(names) <= {tool["name"] for tool in shop.tools}


async def test_a_query_of_common_words_looks_at_a_bounded_part_of_the_index(world: World) -> None:
    world.gateway(name="many")
    for number in range(2_000):
        world.tool(f"t{number}", description="alpha beta gamma delta epsilon zeta eta theta iota kappa")
    world.tool("needle", description="alpha beta rare")
    world.publish()
    index = Index([(tool.name, tool) for tool in current().registry.tools.values()])
    looked_at = 0

    class Counted(list[tuple[int, float]]):
        def __getitem__(self, key: Any) -> Any:
            nonlocal looked_at
            part = super().__getitem__(key)
            looked_at += len(part)
            return part

    index._places = {word: Counted(places) for word, places in index._places.items()}
    tools, _more = index.find("alpha beta gamma delta epsilon zeta eta theta rare", 3, (), lambda name, tool: True)
    assert tools[0][0] == "many-needle"
    assert looked_at <= MOST_SEEN


async def test_an_index_is_made_once_for_a_version_of_the_registry(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = shop.token()
    shop.publish()
    await found(token, "weather")
    first = dict(current().registry.indexes)
    await found(token, "invoice")
    assert current().registry.indexes == first
    shop.tool("later", description="A hailstorm.")
    shop.publish()
    assert await found(token, "hailstorm") == ["shop-later"]
