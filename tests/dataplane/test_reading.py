"""Resources and prompts over MCP: who sees which, read from us and from upstreams, in both eras."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from proxy_app.content import work
from proxy_app.content.stored import Content, settled_arguments
from proxy_app.content.templating import parse
from proxy_app.content.work import StoredPrompt, StoredResource
from proxy_app.dataplane.bridge import Bridge
from proxy_app.dataplane.mcp import contents, lists
from proxy_app.dataplane.read import read_for_page
from tests.asgi_client import Answer
from tests.dataplane.rpc import ERAS, call, error_of
from tests.dataplane.world import Row, World
from tests.scripted_mcp import Call, ScriptedMcp

pytestmark = pytest.mark.anyio

every_era = pytest.mark.parametrize("era", ERAS)
every_pair = pytest.mark.parametrize(("era", "upstream_era"), [(ours, theirs) for ours in ERAS for theirs in ERAS])


class Store:
    """Stands in for the two units that read contents, and counts how often they are asked."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Any] = {}
        self.asked = 0

    def say(self, row: Row, said: str | bytes) -> Row:
        content = Content(said.encode() if isinstance(said, str) else said, isinstance(said, str))
        self.rows[row["id"]] = StoredResource(row["version"], content)
        return row

    def template(self, row: Row, text: str) -> Row:
        arguments = row["arguments"] = settled_arguments(parse(text), ())
        self.rows[row["id"]] = StoredPrompt(row["version"], text, arguments, row["description"])
        return row

    def load(self, key: UUID) -> Any:
        self.asked += 1
        return self.rows.get(key)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    store = Store()
    monkeypatch.setattr(work, "load_resource", store.load)
    monkeypatch.setattr(work, "load_prompt", store.load)
    contents.resources.clear()
    contents.prompts.clear()
    yield store
    contents.resources.clear()
    contents.prompts.clear()


async def result(token: str, method: str, params: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    answer = await call(token, method, params, **how)
    assert "result" in answer.json, answer.json
    found: dict[str, Any] = answer.json["result"]
    return found


async def read(token: str, uri: str, **how: Any) -> Answer:
    return await call(token, "resources/read", {"uri": uri}, **how)


async def said(token: str, uri: str, **how: Any) -> Any:
    (content,) = (await read(token, uri, **how)).json["result"]["contents"]
    return content


# --- Lists ------------------------------------------------------------------------------------------------------------


@every_era
async def test_everything_one_sees_is_listed_by_uri_or_name_and_templates_by_themselves(world: World, era: str) -> None:
    token, blue = world.token(), uuid4()
    world.resource("file:///b", description="B", title="Bee")
    world.resource("file:///a", world.gateway(), annotations={"priority": 1})
    world.resource("file:///hidden", visibility="team", team_id=blue)
    world.resource("item://{id}", size=None)
    world.prompt("z")
    world.prompt("a", world.gateways[0], arguments=[], description="d")
    world.prompt("hidden", visibility="private", owner_id=uuid4())
    world.publish()
    resources = (await result(token, "resources/list", era=era))["resources"]
    plain = {"mimeType": "text/plain", "size": 5}
    assert resources == [
        {"uri": "file:///a", "name": "resource1", "annotations": {"priority": 1}, **plain},
        {"uri": "file:///b", "name": "resource0", "title": "Bee", "description": "B", **plain},
    ]
    templates = (await result(token, "resources/templates/list", era=era))["resourceTemplates"]
    assert templates == [{"uriTemplate": "item://{id}", "name": "resource3", "mimeType": "text/plain"}]
    prompts = (await result(token, "prompts/list", era=era))["prompts"]
    assert prompts == [
        {"name": "a", "description": "d", "arguments": []},
        {"name": "z", "arguments": [{"name": "who", "required": True}]},
    ]


async def test_a_modern_client_is_told_that_lists_are_its_own(world: World) -> None:
    token = world.token()
    world.publish()
    for method in ("resources/list", "resources/templates/list", "prompts/list"):
        found = await result(token, method, era="modern")
        assert (found["resultType"], found["cacheScope"]) == ("complete", "private")


@every_era
async def test_both_are_among_the_capabilities(world: World, era: str) -> None:
    token = world.token()
    world.publish()
    found = await result(token, "initialize" if era == "legacy" else "server/discover", era=era)
    assert found["capabilities"] == {"prompts": {}, "resources": {}, "tools": {}}


async def test_a_server_shows_its_own_only(world: World, store: Store) -> None:
    token = world.token()
    inside, outside = store.say(world.resource("file:///in"), "in"), store.say(world.resource("file:///out"), "out")
    prompt, other = store.template(world.prompt("in"), "x"), store.template(world.prompt("out"), "x")
    server = world.server("notes")
    world.resource_places.append((server["id"], inside["id"], "", None))
    world.prompt_places.append((server["id"], prompt["id"], "", None))
    world.publish()
    here: dict[str, Any] = {"path": "/servers/notes/mcp"}
    assert [one["uri"] for one in (await result(token, "resources/list", **here))["resources"]] == [inside["uri"]]
    assert [one["name"] for one in (await result(token, "prompts/list", **here))["prompts"]] == ["in"]
    assert (await said(token, "file:///in", **here))["text"] == "in"
    assert error_of(await read(token, outside["uri"], **here))["code"] == -32002
    assert error_of(await call(token, "prompts/get", {"name": other["name"]}, **here))["code"] == -32602


async def test_a_long_list_comes_in_parts_that_join_to_the_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGE_LIMIT", 3)
    token = world.token()
    for number in range(8):
        world.prompt(f"p{number}")
    for number in range(3):
        world.prompt(f"p{number}x", visibility="private", owner_id=uuid4())
    world.publish()
    found: list[str] = []
    params: dict[str, str] = {}
    for _ in range(3):
        page = await result(token, "prompts/list", params)
        found += [prompt["name"] for prompt in page["prompts"]]
        params = {"cursor": page.get("nextCursor", "")}
    assert found == [f"p{number}" for number in range(8)]
    assert params == {"cursor": ""}, "the last part leads nowhere"


async def test_a_cursor_that_is_none_of_this_list_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGE_LIMIT", 1)
    token = world.token()
    for number in range(2):
        world.prompt(f"p{number}")
        world.resource(f"file:///{number}")
    world.publish()
    of_prompts = (await result(token, "prompts/list"))["nextCursor"]
    for cursor in ("", "garbage", of_prompts):
        assert error_of(await call(token, "resources/list", {"cursor": cursor}))["code"] == -32602


# --- Our own ----------------------------------------------------------------------------------------------------------


@every_era
async def test_our_own_are_read_once_and_kept_until_they_change(world: World, store: Store, era: str) -> None:
    token = world.token()
    row = store.say(world.resource(), "grüße 🙂")
    image = store.say(world.resource("file:///i.png", mime_type="image/png"), b"\x89PNG\x00")
    world.publish()
    for _ in range(3):
        content = await said(token, row["uri"], era=era)
        assert content == {"uri": row["uri"], "mimeType": "text/plain", "text": "grüße 🙂"}
    assert store.asked == 1
    content = await said(token, image["uri"], era=era)
    assert content == {"uri": image["uri"], "mimeType": "image/png", "blob": base64.b64encode(b"\x89PNG\x00").decode()}
    row["version"] = 2
    store.say(row, "new")
    world.publish()
    assert (await said(token, row["uri"], era=era))["text"] == "new"
    if era == "modern":
        found = (await read(token, row["uri"], era=era)).json["result"]
        assert (found["resultType"], found["cacheScope"]) == ("complete", "private")


async def test_what_is_kept_has_a_bound(world: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "KEPT_BYTES", 10_000)
    token = world.token()
    rows = [store.say(world.resource(f"file:///{number}"), "x" * 1000) for number in range(5)]
    world.publish()
    for row in rows * 2:
        assert (await said(token, row["uri"]))["text"] == "x" * 1000
    assert contents.resources._bytes <= 5_000
    assert store.asked == 10


@every_era
async def test_a_templates_variables_are_filled_in(world: World, store: Store, era: str) -> None:
    token = world.token()
    store.say(world.resource("item://{kind}/{+path}"), '{"kind": "{kind}", "path": "{path}", "other": "{other}"}')
    store.say(world.resource("item://fixed/one"), "fixed")
    world.publish()
    content = await said(token, "item://a%20b/c/d", era=era)
    assert content["text"] == '{"kind": "a b", "path": "c/d", "other": "{other}"}'
    assert (await said(token, "item://fixed/one", era=era))["text"] == "fixed"


async def test_variables_cannot_blow_a_template_up(world: World, store: Store) -> None:
    token = world.token()
    store.say(world.resource("item://{x}"), "{x}" * 100_000)
    world.publish()
    assert "longer" in error_of(await read(token, f"item://{'y' * 1000}"))["message"]


NOWHERE = ["file:///nope", "file:///../etc/passwd", "item://%00", "item://%ff", "item://a/b", "item://", "x", "🙂"]


@every_era
@pytest.mark.parametrize("uri", NOWHERE)
async def test_a_uri_of_nothing_is_told_as_each_era_does(world: World, store: Store, era: str, uri: str) -> None:
    token = world.token()
    store.say(world.resource("item://{id}"), "{id}")
    world.publish()
    how: dict[str, Any] = {"era": era}
    if era == "modern":
        wrapped = f"=?base64?{base64.b64encode(uri.encode()).decode()}?="
        how["headers"] = {"mcp-name": wrapped}
    answer = await read(token, uri, **how)
    error = error_of(answer)
    assert (error["code"], error["data"]) == (-32602 if era == "modern" else -32002, {"uri": uri})


@every_era
async def test_what_is_hidden_answers_like_what_is_not_there(world: World, store: Store, era: str) -> None:
    token, request = world.token(), {"era": era, "headers": {"x-request-id": "same"}}
    store.say(world.resource("file:///hidden", visibility="private", owner_id=uuid4()), "secret")
    store.template(world.prompt("hidden", visibility="team", team_id=uuid4()), "secret")
    world.publish()
    hidden = await read(token, "file:///hidden", **request)
    unknown = await read(token, "file:///absent", **request)
    assert hidden.body.replace(b"hidden", b"absent") == unknown.body
    assert hidden.status == unknown.status
    hidden = await call(token, "prompts/get", {"name": "hidden"}, **request)
    unknown = await call(token, "prompts/get", {"name": "absent"}, **request)
    assert hidden.body.replace(b"hidden", b"absent") == unknown.body
    assert store.asked == 0


async def test_of_several_with_one_uri_the_closest_is_meant_and_ours_before_a_gateways(
    world: World, store: Store
) -> None:
    red = uuid4()
    token, member = world.token(), world.token(teams={red: "member"})
    world.resource("file:///r", world.gateway())
    store.say(world.resource("file:///r"), "ours")
    store.say(world.resource("file:///r", visibility="team", team_id=red), "red's")
    world.publish()
    assert (await said(token, "file:///r"))["text"] == "ours"
    assert (await said(member, "file:///r"))["text"] == "red's"
    assert len((await result(member, "resources/list"))["resources"]) == 1


@every_era
async def test_a_prompt_is_rendered_with_its_arguments(world: World, store: Store, era: str) -> None:
    token = world.token()
    store.template(world.prompt(description="d"), "Hello {{ who }}{% if loud %}, LOUD{% endif %}")
    world.publish()
    found = await result(token, "prompts/get", {"name": "greet", "arguments": {"who": "{{ who }}<b>"}}, era=era)
    message = {"role": "user", "content": {"type": "text", "text": "Hello {{ who }}<b>"}}
    assert (found["messages"], found["description"]) == ([message], "d")
    assert ("resultType" in found) == (era == "modern")


WRONG_ARGUMENTS = {
    "missing": ({}, "who"),
    "empty": ({"who": ""}, "who"),
    "unknown": ({"who": "a", "other": "b"}, "other"),
    "a number": ({"who": 1}, "arguments"),
    "a list": ([], "arguments"),
    "too long": ({"who": "x" * 1_100_000}, "longer"),
}


@pytest.mark.parametrize("case", WRONG_ARGUMENTS)
async def test_wrong_arguments_are_told_by_name(world: World, store: Store, case: str) -> None:
    token = world.token()
    store.template(world.prompt(), "Hello {{ who }}")
    world.publish()
    arguments, named = WRONG_ARGUMENTS[case]
    error = error_of(await call(token, "prompts/get", {"name": "greet", "arguments": arguments}))
    assert error["code"] == -32602
    assert named in error["message"]


@pytest.mark.parametrize("raw", [b'"\\ud800"', b'"a\\u0000b"'])
async def test_odd_characters_in_arguments_do_no_harm(world: World, store: Store, raw: bytes) -> None:
    from tests.dataplane.rpc import post

    token = world.token()
    store.template(world.prompt(), "Hello {{ who }}")
    world.publish()
    body = b'{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"greet","arguments":{"who":%b}}}' % raw
    answer = await post(token, body)
    assert answer.status < 500
    json.loads(answer.body)


async def test_a_resource_that_was_deleted_meanwhile_is_not_found(world: World, store: Store) -> None:
    token = world.token()
    world.resource("file:///gone")
    world.prompt("gone")
    world.publish()
    assert error_of(await read(token, "file:///gone"))["code"] == -32002
    assert error_of(await call(token, "prompts/get", {"name": "gone"}))["code"] == -32602


# --- Upstreams --------------------------------------------------------------------------------------------------------


async def answering(call: Call) -> None:
    if call.method == "resources/read":
        content = {"uri": call.message["params"]["uri"], "text": "theirs"}
        await call.result({"contents": [content], "ttlMs": 60_000, "cacheScope": "public", "resultType": "complete"})
    else:
        await call.result({"messages": [], "description": call.message["params"]["name"]})


@every_pair
@pytest.mark.usefixtures("upstreams")
async def test_a_gateways_are_read_from_its_upstream_under_its_own_names(
    world: World, era: str, upstream_era: str
) -> None:
    async with ScriptedMcp(answering) as upstream:
        token, gateway = world.token(), world.gateway(upstream.url, era=upstream_era)
        world.resource("file:///theirs", gateway)
        world.resource("item://{id}{?q}", gateway)
        world.prompt("gw0-say-it", gateway, original_name="Say it")
        world.publish()
        found = (await read(token, "file:///theirs", era=era)).json["result"]
        assert found["contents"] == [{"uri": "file:///theirs", "text": "theirs"}]
        if era == "modern":
            assert (found["cacheScope"], found["ttlMs"] <= 5000) == ("private", True)
        assert (await said(token, "item://7?q=1", era=era))["uri"] == "item://7?q=1"
        params = {"name": "gw0-say-it", "arguments": {"a": "b"}}
        found = await result(token, "prompts/get", params, era=era)
        assert (found["messages"], found["description"]) == ([], "Say it")
        (sent,) = upstream.asked("prompts/get")
        assert sent.message["params"]["arguments"] == {"a": "b"}


@pytest.mark.usefixtures("upstreams")
async def test_no_template_gives_what_its_gateway_has_hidden_or_switched_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bridge, "loop", asyncio.get_running_loop())
    async with ScriptedMcp(answering) as upstream:
        token, gateway = world.token(), world.gateway(upstream.url, era="modern")
        template = world.resource("file:///{name}", gateway)
        world.resource("file:///hidden", gateway, visibility="private", owner_id=uuid4())
        world.resource("file:///off", gateway, enabled=False)
        world.publish()
        assert (await said(token, "file:///other"))["text"] == "theirs"
        for uri in ("file:///hidden", "file:///off"):
            assert error_of(await read(token, uri))["code"] == -32002
            by_page = await asyncio.to_thread(read_for_page, world.actor(token), template["id"], uri)
            assert by_page.error == f"Resource not found: {uri}"
        assert len(upstream.asked("resources/read")) == 1


@pytest.mark.usefixtures("upstreams")
async def test_what_an_upstream_says_is_wrong_is_passed_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bridge, "loop", asyncio.get_running_loop())

    async def refuse(call: Call) -> None:
        await call.reply(b'"error":{"code":-32002,"message":"no such thing","data":{"uri":"x"}}')

    async with ScriptedMcp(refuse) as upstream:
        token = world.token()
        row = world.resource("file:///theirs", world.gateway(upstream.url, era="modern"))
        world.publish()
        error = error_of(await read(token, "file:///theirs"))
        assert error == {"code": -32002, "message": "no such thing", "data": {"uri": "x"}}
        by_page = await asyncio.to_thread(read_for_page, world.actor(token), row["id"], "file:///theirs")
        assert by_page.error == "The upstream answered: no such thing"


async def test_somebody_elses_private_resource_takes_nothing_from_a_template_of_ours(
    world: World, store: Store
) -> None:
    token = world.token()
    store.say(world.resource("ticket://{id}"), "ticket {id}")
    store.say(world.resource("ticket://7", visibility="private", owner_id=uuid4()), "mine")
    world.publish()
    assert (await said(token, "ticket://7"))["text"] == "ticket 7"
