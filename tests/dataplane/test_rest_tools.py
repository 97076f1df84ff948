"""Calling a tool that is made of a REST API: what the API is asked, and what the client is told."""

import base64
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pytest_django import Settings

from proxy_app.observe.records import CallRecord
from proxy_app.upstream.client import UpstreamClient
from tests.dataplane.calling import every_era
from tests.dataplane.rpc import call, error_of
from tests.dataplane.world import World
from tests.upstream.fakes import FakeUpstream, Peer, Request, Script

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

PET = b'{"id":7,"name":"Rex"}'
JSON_TYPE = b"Content-Type: application/json"


def answering(body: bytes = PET, kind: bytes = JSON_TYPE, status: bytes = b"200 OK", *more: bytes) -> Script:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(body, kind, *more, status=status)

    return script


async def called(
    world: World, path: str = "/pets/{id}", arguments: Any = None, *, script: Script | None = None, **tool: Any
) -> tuple[dict[str, Any], list[Request]]:
    """One call of the tool `pet`, its result or error, and what the API was asked."""
    era = tool.pop("era", "legacy")
    async with FakeUpstream(script or answering()) as upstream:
        token = world.token()
        world.tools.clear()
        world.rest_tools.clear()
        world.rest_tool("pet", upstream.url.rstrip("/"), path, **tool)
        world.publish()
        given = {"id": 7} if arguments is None else arguments
        answer = await call(token, "tools/call", {"name": "pet", "arguments": given}, era=era)
        body = answer.json
        return (body["result"] if "result" in body else error_of(answer)), upstream.requests


@every_era
async def test_arguments_become_the_request_and_json_becomes_the_result(
    world: World, records: list[CallRecord], era: str
) -> None:
    result, (request,) = await called(world, arguments={"id": 7, "full": True, "tags": ["a", "b c"]}, era=era)
    assert request.line == "GET /pets/7?full=true&tags=a&tags=b%20c HTTP/1.1"
    assert result["structuredContent"] == {"id": 7, "name": "Rex"}
    assert result["content"] == [{"type": "text", "text": PET.decode()}]
    assert result.get("resultType") == ("complete" if era == "modern" else None)
    (record,) = records
    assert (record.tool_name, record.outcome, record.gateway_id) == ("pet", "ok", None)
    assert record.upstream_ms is not None


async def test_a_tool_of_an_api_is_listed_among_the_others(world: World) -> None:
    token = world.token()
    world.rest_tool("pet", "http://127.0.0.1:9", description="One pet", annotations={"readOnlyHint": True})
    world.rest_tool("old", "http://127.0.0.1:9", description="An old one", deprecated=True, deprecation_note="Use pet.")
    world.publish()
    old, pet = (await call(token, "tools/list")).json["result"]["tools"]
    assert (pet["description"], pet["annotations"]) == ("One pet", {"readOnlyHint": True})
    assert old["description"] == "[Deprecated] Use pet. An old one"


async def test_a_json_body_has_what_stands_nowhere_else(world: World) -> None:
    _, (request,) = await called(
        world, "/pets/{id}?v=2", {"id": 7, "name": "Ré", "age": 3, "none": None, "dry": True, "who": "me"},
        method="POST", query_mapping={"dry": "dry-run"}, header_mapping={"who": "X-Who"},
    )  # fmt: skip
    assert request.line == "POST /pets/7?v=2&dry-run=true HTTP/1.1"
    assert json.loads(request.body) == {"name": "Ré", "age": 3}
    assert (request.header("content-type"), request.header("x-who")) == ("application/json", "me")


async def test_a_number_of_any_size_arrives_as_it_was_sent(world: World) -> None:
    _, (request,) = await called(world, "/n", {"n": 2**70}, method="POST")
    assert json.loads(request.body) == {"n": 2**70}


async def test_a_body_can_be_one_argument(world: World) -> None:
    _, (request,) = await called(world, "/p", {"body": [1, {"a": 2}], "x": 1}, method="PUT", body_argument="body")
    assert (request.line, json.loads(request.body)) == ("PUT /p?x=1 HTTP/1.1", [1, {"a": 2}])


async def test_a_form_is_encoded_as_browsers_do(world: World) -> None:
    _, (request,) = await called(world, "/p", {"a": "1 2", "b": ["x", "y"]}, method="POST", body_encoding="form")
    assert parse_qsl(request.body.decode()) == [("a", "1 2"), ("b", "x"), ("b", "y")]
    assert request.header("content-type") == "application/x-www-form-urlencoded"


async def test_files_of_a_multipart_form_are_given_in_base64(world: World) -> None:
    schema = {"type": "object", "properties": {"photo": {"type": "string", "contentEncoding": "base64"}}}
    given = {"photo": base64.b64encode(b"\x00\xff").decode(), 'na"me': "Rex"}
    how: dict[str, Any] = {"method": "POST", "body_encoding": "multipart", "input_schema": json.dumps(schema)}
    _, (request,) = await called(world, "/p", given, **how)
    boundary = str(request.header("content-type")).partition("boundary=")[2].encode()
    photo, name, end = request.body.split(b"--" + boundary)[1:]
    assert photo.endswith(b"\r\n\r\n\x00\xff\r\n")
    assert b'name="photo"; filename="photo"' in photo
    assert (b'name="na%22me"' in name, b"filename" in name, end) == (True, False, b"--\r\n")
    result, requests = await called(world, "/p", {"photo": "%%%"}, **how)
    assert (result["isError"], requests) == (True, [])


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a/b", "/pets/a%2Fb"), ("a?b=c#d", "/pets/a%3Fb%3Dc%23d"), ("é ", "/pets/%C3%A9%20"), (1.5, "/pets/1.5"),
        ([1, 2], "/pets/1%2C2"),
    ],
)  # fmt: skip
async def test_a_value_in_the_path_stays_in_its_segment(world: World, value: Any, path: str) -> None:
    _, (request,) = await called(world, arguments={"id": value})
    assert request.line == f"GET {path} HTTP/1.1"


@pytest.mark.parametrize("value", ["..", ".", "", "../admin", "a/../../b", "..\\x", "%2e%2e", "a\r\nHost: x"])
async def test_a_value_that_would_leave_its_segment_is_not_sent(
    world: World, records: list[CallRecord], value: str
) -> None:
    result, requests = await called(world, arguments={"id": value})
    assert (result["isError"], requests) == (True, [])
    assert result["content"][0]["text"].startswith("Invalid arguments: ")
    assert records[0].outcome == "bad_arguments"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\0", "é", " a", "x" * 5000])
async def test_a_value_that_no_header_can_have_is_not_sent(world: World, value: str) -> None:
    result, requests = await called(world, "/p", {"who": value}, header_mapping={"who": "X-Who"})
    assert (result["isError"], requests) == (True, [])


async def test_a_credential_is_sent_and_no_argument_or_fixed_header_replaces_it(world: World) -> None:
    _, (request,) = await called(
        world, "/p", {"key": "mine", "q": 1}, headers={"X-Key": "s3cret"}, header_mapping={"key": "x-key"},
        fixed_headers={"X-KEY": "other", "X-Static": "1", "Accept": "text/csv"},
    )  # fmt: skip
    assert [value for name, value in request.headers if name.lower() == "x-key"] == ["s3cret"]
    assert (request.header("x-static"), request.header("accept")) == ("1", "text/csv")
    assert request.line == "GET /p?key=mine&q=1 HTTP/1.1"


async def test_nothing_of_the_callers_own_request_is_passed_on(world: World) -> None:
    _, (request,) = await called(world)
    assert {name.lower() for name, _value in request.headers} == {"host", "user-agent", "accept", "accept-encoding"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({}, "'id' is a required property"), ({"id": "x"}, "id: 'x' is not of type 'integer'")],
)
async def test_arguments_are_checked_against_the_schema_before_anything_is_sent(
    world: World, arguments: Any, words: str
) -> None:
    schema = '{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}'
    result, requests = await called(world, arguments=arguments, input_schema=schema)
    assert result["content"][0]["text"] == f"Invalid arguments: {words}"
    assert (result["isError"], requests) == (True, [])


@pytest.mark.parametrize(
    "schema",
    ['{"$ref":"#"}', '{"$ref":"http://127.0.0.1:9/x"}', '{"properties":{"id":{"pattern":"(a+)+$"}}}', '{"type":"odd"}'],
)
async def test_a_schema_that_cannot_be_followed_is_left_to_the_api(world: World, schema: str) -> None:
    result, requests = await called(world, arguments={"id": "a" * 40 + "!"}, input_schema=schema)
    assert ("isError" in result, len(requests)) == (False, 1)


@pytest.mark.parametrize("status", [b"404 Not Found", b"422 Unprocessable", b"500 Oops"])
async def test_an_error_of_the_api_is_a_result_with_its_status_and_so_much_of_its_words(
    world: World, records: list[CallRecord], status: bytes
) -> None:
    result, _ = await called(world, script=answering(b"no such pet " * 1000, b"Content-Type: text/plain", status))
    said, words = (block["text"] for block in result["content"])
    assert (result["isError"], said) == (True, f"The API answered with status {status[:3].decode()}. It said:")
    assert len(words) < 4100
    assert records[0].outcome == "tool_error"


async def test_a_redirect_is_not_followed(world: World) -> None:
    script = answering(b"", JSON_TYPE, b"302 Found", b"Location: http://169.254.169.254/")
    result, requests = await called(world, script=script)
    assert (result["isError"], len(requests)) == (True, 1)
    assert "redirect" in result["content"][0]["text"]


@pytest.mark.parametrize(
    ("body", "kind", "block"),
    [
        (b"a,b\n1,2", b"text/csv", {"type": "text", "text": "a,b\n1,2"}),
        ("é".encode("latin-1"), b"text/plain; charset=latin-1", {"type": "text", "text": "é"}),
        (b"[1,2]", b"application/json; charset=utf-8", {"type": "text", "text": "[1,2]"}),
        (b"{broken", b"application/json", {"type": "text", "text": "{broken"}),
        (b"<svg/>", b"image/svg+xml", {"type": "text", "text": "<svg/>"}),
        (b"\x89PNG", b"image/png", {"type": "image", "data": "iVBORw==", "mimeType": "image/png"}),
        (b"\x00\x01", b"audio/ogg", {"type": "audio", "data": "AAE=", "mimeType": "audio/ogg"}),
        (
            b"%PDF\x00",
            b"application/pdf",
            {"type": "text", "text": "The API answered with 5 bytes of application/pdf, which are no text."},
        ),
    ],
)
async def test_what_is_no_json_object_is_told_as_what_it_is(
    world: World, body: bytes, kind: bytes, block: dict[str, str]
) -> None:
    result, _ = await called(world, script=answering(body, b"Content-Type: " + kind))
    assert result == {"content": [block]}


async def test_an_answer_without_content_says_so(world: World) -> None:
    result, _ = await called(world, script=answering(b"", b"X-A: 1", b"204 No Content"), method="DELETE")
    assert result == {"content": [{"type": "text", "text": "The API answered 204, with no content."}]}


@pytest.mark.parametrize(
    ("filter", "taken"),
    [
        ("items[?price > `2`].name", ["b"]), (".items[0].name", "a"), ("$.items[*].name", ["a", "b"]),
        ("{names: items[].name}", {"names": ["a", "b"]}), ("nothing", None),
    ],
)  # fmt: skip
async def test_a_filter_takes_a_part_of_the_answer(world: World, filter: str, taken: Any) -> None:
    body = b'{"items":[{"name":"a","price":1},{"name":"b","price":3}]}'
    result, _ = await called(world, script=answering(body), jsonpath_filter=filter)
    assert json.loads(result["content"][0]["text"]) == taken
    assert result.get("structuredContent") == (taken if isinstance(taken, dict) else None)


@pytest.mark.parametrize("step", ["[@,@]", "[@,@][]", "{a:@,b:@}", "join('',[to_string(@),to_string(@)])"])
async def test_a_filter_that_would_grow_without_end_is_stopped(world: World, step: str) -> None:
    filter = "|".join([step] * (1000 // (len(step) + 1)))
    result, _ = await called(world, script=answering(b'["abcdef"]'), jsonpath_filter=filter)
    assert result["isError"]
    assert result["content"][0]["text"] == "The tool's filter makes too much of this answer."


async def test_a_filter_that_does_not_fit_says_so(world: World) -> None:
    result, _ = await called(world, jsonpath_filter="abs(name)")
    assert (result["isError"], "does not fit" in result["content"][0]["text"]) == (True, True)


async def test_a_promised_schema_is_kept_or_the_result_is_an_error(world: World) -> None:
    schema = '{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}'
    result, _ = await called(world, output_schema=schema)
    assert result["structuredContent"] == {"id": 7, "name": "Rex"}
    for body in (b'{"id":"x"}', b"[]"):
        result, _ = await called(world, script=answering(body), output_schema=schema)
        assert (result["isError"], "structuredContent" in result) == (True, False)


async def test_an_answer_that_takes_too_long_ends_the_call(world: World, records: list[CallRecord]) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.hang()

    error, requests = await called(world, script=script, timeout_ms=50)
    assert (error["data"]["code"], len(requests), records[0].outcome) == ("upstream_timeout", 1, "upstream_timeout")


async def test_an_answer_that_is_too_large_is_not_read_to_the_end(world: World, upstreams: UpstreamClient) -> None:
    upstreams.answer_limit_bytes = 100
    error, _ = await called(world, script=answering(b"x" * 101))
    assert error["data"]["code"] == "upstream_too_large"


def _hangs_up_once() -> tuple[Script, list[int]]:
    seen: list[int] = []

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            seen.append(1)
            if len(seen) == 1:
                return
            await peer.answer(PET, JSON_TYPE)

    return script, seen


@pytest.mark.parametrize(
    ("how", "times"),
    [
        ({}, 2), ({"method": "POST"}, 1), ({"method": "DELETE"}, 1),
        ({"method": "DELETE", "annotations": {"idempotentHint": True}}, 2),
    ],
)  # fmt: skip
async def test_a_call_whose_answer_was_lost_is_sent_again_where_that_does_no_harm(
    world: World, how: dict[str, Any], times: int
) -> None:
    script, seen = _hangs_up_once()
    result, _ = await called(world, script=script, **how)
    assert len(seen) == times
    assert ("content" in result) is (times == 2)


async def test_tools_of_one_origin_share_a_pool_that_is_called_by_it(world: World, upstreams: UpstreamClient) -> None:
    async with FakeUpstream(answering()) as upstream:
        base, token = upstream.url.rstrip("/"), world.token()
        world.rest_tool("a", f"{base}/one", headers={"X-Key": "1"})
        world.rest_tool("b", f"{base}/two", headers={"X-Key": "2"})
        for name in ("a", "b"):
            world.publish()
            await call(token, "tools/call", {"name": name, "arguments": {}})
        (pool,) = upstreams.door.pools
        assert (pool.upstream.key, pool.upstream.name) == (f"rest:http:{base.removeprefix('http://')}", base)
        assert (pool.turns, pool.opened, pool.generation.number) == (2, 1, 1)
        assert [request.header("x-key") for request in upstream.requests] == ["1", "2"]


async def test_a_credential_that_cannot_be_read_is_told_and_nothing_is_sent(world: World, settings: Settings) -> None:
    async with FakeUpstream(answering()) as upstream:
        world.rest_tool("pet", upstream.url.rstrip("/"), headers={"X-Key": "1"})
        settings.ENCRYPTION_KEYS = ["another-key-altogether"]
        world.publish()
        error = error_of(await call(world_token(world), "tools/call", {"name": "pet", "arguments": {}}))
        assert (error["data"]["code"], upstream.requests) == ("upstream_unreachable", [])


def world_token(world: World) -> str:
    token = world.token()
    world.publish()
    return token


async def test_a_private_address_is_not_called(world: World, upstreams: UpstreamClient) -> None:
    world.rest_tool("pet", "http://10.0.0.1")
    error = error_of(await call(world_token(world), "tools/call", {"name": "pet", "arguments": {}}))
    assert error["data"]["code"] == "upstream_unreachable"


async def test_one_row_that_cannot_be_called_keeps_no_other_from_it(world: World) -> None:
    world.rest_tool("broken", "http://127.0.0.1", "/{")
    result, _ = await called(world)
    assert "isError" not in result
