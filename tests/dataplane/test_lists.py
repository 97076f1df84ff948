"""tools/list: who sees what, under which name, in which order, and what an unknown server answers."""

from uuid import UUID, uuid4

import pytest

from proxy_app.dataplane.mcp import lists
from proxy_app.snapshot.keeper import current
from tests.dataplane.rpc import ERAS, call, error_of
from tests.dataplane.world import World

pytestmark = pytest.mark.anyio


async def names(token: str, **how: object) -> list[str]:
    answer = await call(token, "tools/list", **how)  # type: ignore[arg-type]
    return [tool["name"] for tool in answer.json["result"]["tools"]]


@pytest.fixture
def red() -> UUID:
    return uuid4()


@pytest.fixture
def blue() -> UUID:
    return uuid4()


async def test_each_actor_sees_what_is_public_its_teams_and_its_own(world: World, red: UUID, blue: UUID) -> None:
    outsider, member, viewer = world.token(), world.token(teams={red: "member"}), world.token(teams={blue: "viewer"})
    admin, owner = world.token(admin=True), world.token()
    world.tool("open")
    world.tool("red", visibility="team", team_id=red)
    world.tool("blue", visibility="team", team_id=blue)
    world.tool("own", visibility="private", owner_id=world.actor(owner).user_id)
    world.publish()
    assert await names(outsider) == ["gw0-open"]
    assert await names(member) == ["gw0-open", "gw0-red"]
    assert await names(viewer) == ["gw0-blue", "gw0-open"]
    assert await names(admin) == ["gw0-blue", "gw0-open", "gw0-red"]
    assert await names(owner) == ["gw0-open", "gw0-own"]


async def test_being_in_a_server_widens_nobodys_sight(world: World, red: UUID) -> None:
    outsider, member = world.token(), world.token(teams={red: "viewer"})
    world.server("mixed", world.tool("open"), world.tool("red", visibility="team", team_id=red))
    world.publish()
    assert await names(outsider, path="/servers/mixed/mcp") == ["gw0-open"]
    assert await names(member, path="/servers/mixed/mcp") == ["gw0-open", "gw0-red"]


async def test_a_server_shows_its_tools_in_its_order_under_its_names(world: World) -> None:
    token = world.token()
    world.tool("other")
    zoo, add, echo = world.tool("zoo"), world.tool("add"), world.tool("echo")
    server = world.server("calc", zoo, add, echo, aliases={"gw0-add": "plus"})
    world.publish()
    for key in ("calc", server["id"].hex):
        assert await names(token, path=f"/servers/{key}/mcp") == ["gw0-zoo", "plus", "gw0-echo"]


async def test_a_name_that_several_have_means_the_closest(world: World, red: UUID) -> None:
    token, outsider = world.token(teams={red: "member"}), world.token()
    world.tool("echo", description="public")
    world.tool("echo", description="team", visibility="team", team_id=red)
    world.publish()
    tools = (await call(token, "tools/list")).json["result"]["tools"]
    assert [tool["description"] for tool in tools] == ["team"]
    tools = (await call(outsider, "tools/list")).json["result"]["tools"]
    assert [tool["description"] for tool in tools] == ["public"]


async def test_the_order_of_the_list_is_that_of_the_names_and_stays(world: World) -> None:
    token = world.token()
    for name in ("m", "z", "a", "k"):
        world.tool(name)
    world.publish()
    first = await call(token, "tools/list")
    world.tools.reverse()
    world.publish()
    assert [tool["name"] for tool in first.json["result"]["tools"]] == ["gw0-a", "gw0-k", "gw0-m", "gw0-z"]
    assert (await call(token, "tools/list")).body == first.body


async def test_a_tool_is_shown_as_its_upstream_wrote_it(world: World) -> None:
    token = world.token()
    schema = '{"type":"object","properties":{"z":{"type":"number","maximum":1e400},"a":{"$ref":"#/$defs/A"}},' + (
        '"$defs":{"A":{"const":123456789012345678901234567890}},"additionalProperties":false,"x-own":null}'
    )
    world.tool(
        "rich",
        title="Rich",
        description="Does “things”",
        input_schema=schema,
        output_schema='{"type":"object"}',
        annotations={"readOnlyHint": True},
        meta={"vendor/key": 1},
        icons=[{"src": "https://example.com/i.png"}],
    )
    world.publish()
    answer = await call(token, "tools/list")
    assert b'"inputSchema":' + schema.encode() + b"," in answer.body
    tool = answer.json["result"]["tools"][0]
    assert list(tool) == [
        "name",
        "title",
        "description",
        "inputSchema",
        "outputSchema",
        "annotations",
        "icons",
        "_meta",
    ]
    assert (tool["title"], tool["description"], tool["annotations"]) == (
        "Rich",
        "Does “things”",
        {"readOnlyHint": True},
    )


async def test_what_a_tool_lacks_is_left_out(world: World) -> None:
    token = world.token()
    world.tool("plain")
    world.publish()
    tools = (await call(token, "tools/list")).json["result"]["tools"]
    assert tools == [{"name": "gw0-plain", "inputSchema": {"type": "object"}}]


async def test_each_era_gets_its_own_members(world: World) -> None:
    token = world.token()
    world.publish()
    assert (await call(token, "tools/list")).json["result"] == {"tools": []}
    modern = (await call(token, "tools/list", era="modern")).json["result"]
    assert (modern["tools"], modern["resultType"], modern["cacheScope"]) == ([], "complete", "private")
    assert isinstance(modern["ttlMs"], int)
    assert modern["ttlMs"] >= 0


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("method", ["tools/list", "tools/call", "ping", "initialize", "server/discover"])
async def test_a_server_of_another_team_answers_like_one_that_does_not_exist(
    world: World, red: UUID, era: str, method: str
) -> None:
    token = world.token()
    hidden = world.server("hidden", world.tool("echo"), visibility="team", team_id=red)
    world.publish()
    request = {"headers": {"x-request-id": "the-same-id"}, "era": era}
    unknown = await call(token, method, {"name": "gw0-echo"}, path=f"/servers/{uuid4().hex}/mcp", **request)
    assert unknown.status == 404
    assert error_of(unknown)["data"] == {"code": "not_found"}
    for key in ("hidden", hidden["id"].hex, "nobodys"):
        foreign = await call(token, method, {"name": "gw0-echo"}, path=f"/servers/{key}/mcp", **request)
        assert foreign == unknown


@pytest.mark.parametrize(
    "path",
    [
        "/servers//mcp",
        "/servers/ /mcp",
        "/servers/CALC/mcp",
        "/servers/calc./mcp",
        "/servers/calc\x00/mcp",
        "/servers/%63alc/mcp",
        "/servers/../mcp",
        "/servers/*/mcp",
        "/servers/mcp",
        "/servers/everything/mcp",
    ],
)
async def test_an_odd_key_is_never_everything(world: World, path: str) -> None:
    token = world.token()
    world.server("calc", world.tool("echo"))
    world.publish()
    if path.count("/") == 3:
        assert error_of(await call(token, "tools/list", path=path))["data"] == {"code": "not_found"}
    else:
        from proxy_app.dataplane.router import handler_for

        assert handler_for(path) is None


async def test_a_server_made_a_moment_ago_elsewhere_is_found(world: World) -> None:
    token = world.token()
    world.publish()
    world.server("new", world.tool("echo"))
    assert await names(token, path="/servers/new/mcp") == ["gw0-echo"]
    assert world.looks == 1


async def test_what_the_registry_gains_is_listed(world: World) -> None:
    token = world.token()
    world.tool("a")
    world.publish()
    assert await names(token) == ["gw0-a"]
    world.tool("b")
    world.publish()
    assert await names(token) == ["gw0-a", "gw0-b"]


async def test_ready_answers_are_not_kept_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "CACHE_LIMIT", 3)
    tokens = [world.token() for _ in range(10)]
    world.tool("echo")
    world.publish()
    for token in tokens * 2:
        assert await names(token) == ["gw0-echo"]
        assert len(current().registry.cache) <= 3


async def test_an_expired_token_is_refused(world: World) -> None:
    from datetime import UTC, datetime, timedelta

    past, soon = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(minutes=1)
    expired, live = world.token(expires_at=past), world.token(expires_at=soon)
    world.publish()
    assert (await call(expired, "tools/list")).status == 401
    assert (await call(live, "tools/list")).status == 200


async def test_a_token_made_a_moment_ago_elsewhere_is_found(world: World) -> None:
    world.publish()
    token = world.token()
    assert (await call(token, "tools/list")).status == 200
    assert (await call(token, "tools/list")).status == 200
    assert world.looks == 1
