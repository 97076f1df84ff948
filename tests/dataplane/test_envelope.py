"""What a body must be before anything is done with it. Every refusal is JSON-RPC, and none is the gateway's fault."""

import json
import time
from typing import Any

import pytest
from pytest_django import Settings

from tests.asgi_client import ask
from tests.dataplane.rpc import call, error_of, post
from tests.dataplane.world import World

pytestmark = pytest.mark.anyio

PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS = -32700, -32600, -32602
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.fixture
def token(world: World) -> str:
    secret = world.token()
    world.publish()
    return secret


@pytest.mark.parametrize(
    "id", ["0", '""', '"abc"', "-7", "9007199254740993", "123456789012345678901234567890", '"é\\u00e9"', "1.5"]
)
async def test_an_id_comes_back_as_it_was_written(token: str, id: str) -> None:
    answer = await post(token, b'{"jsonrpc":"2.0","id":%s,"method":"ping"}' % id.encode())
    assert answer.body == b'{"jsonrpc":"2.0","id":%s,"result":{}}' % id.encode()


@pytest.mark.parametrize("id", ["null", "true", "[1]", '{"a":1}', f'"{"x" * 300}"', "1e999", "-1e999"])
async def test_an_id_of_another_type_is_refused(token: str, id: str) -> None:
    answer = await post(token, b'{"jsonrpc":"2.0","id":%s,"method":"ping"}' % id.encode())
    assert (answer.status, error_of(answer)["code"], answer.json["id"]) == (400, INVALID_REQUEST, None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", PARSE_ERROR),
        (b"hello", PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"', PARSE_ERROR),
        (PING + b"x", PARSE_ERROR),
        (b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}', PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}', PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":Infinity}}', PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"p\xffng"}', PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":"\xff","method":"ping"}', PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\xff"}}', PARSE_ERROR),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":"\xc3\x28"}}}',
            PARSE_ERROR,
        ),
        (PING.decode().encode("utf-16"), PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\x00"}}', PARSE_ERROR),
        (b"[]", INVALID_REQUEST),
        (b"[" + PING + b"]", INVALID_REQUEST),
        (b"[" + PING + b"," + PING + b"]", INVALID_REQUEST),
        (b"1", INVALID_REQUEST),
        (b"null", INVALID_REQUEST),
        (b'"ping"', INVALID_REQUEST),
        (b"{}", INVALID_REQUEST),
        (b'{"id":1,"method":"ping"}', INVALID_REQUEST),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', INVALID_REQUEST),
        (b'{"jsonrpc":2.0,"id":1,"method":"ping"}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":null}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","method":"ping","id":1,"params":[1]}', INVALID_PARAMS),
        (b'{"jsonrpc":"2.0","method":"ping","id":1,"params":"x"}', INVALID_PARAMS),
        (b'{"jsonrpc":"2.0","method":"ping","id":1,"params":{"_meta":[]}}', INVALID_PARAMS),
    ],
)
async def test_a_body_that_is_no_request_is_refused_in_the_words_of_json_rpc(
    token: str, body: bytes, code: int
) -> None:
    for path in ("/mcp", "/rpc"):
        answer = await post(token, body, path=path)
        assert (answer.status, error_of(answer)["code"]) == (400, code)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 2_000_000,
        b"[" * 2_000_000 + b"]" * 2_000_000,
        b'{"a":' * 500_000 + b"1" + b"}" * 500_000,
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + b"[{" * 900_000 + b"}]" * 900_000 + b"}}",
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + b"[" * 65 + b"]" * 65 + b"}}",
    ],
    ids=["only opened", "nested", "objects", "mixed", "one too many"],
)
async def test_a_body_that_is_nested_too_deep_is_refused_quickly(token: str, body: bytes) -> None:
    began = time.process_time()
    answer = await post(token, body)
    assert (answer.status, error_of(answer)["code"]) == (400, PARSE_ERROR)
    assert time.process_time() - began < 0.8


async def test_a_body_of_escaped_quotes_is_read_in_linear_time(token: str) -> None:
    began = time.process_time()
    answer = await post(token, b"[" * 70 + b'"' + b'\\"' * 1_900_000)
    assert (answer.status, error_of(answer)["code"]) == (400, PARSE_ERROR)
    assert time.process_time() - began < 1


async def test_brackets_inside_strings_are_not_nesting(token: str) -> None:
    text = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": '\\"[{' * 5000, "b": "\\"}})
    assert (await post(token, text.encode())).status == 200


async def test_wide_bodies_are_not_deep_ones(token: str) -> None:
    params: dict[str, Any] = {"a": [[{}] for _ in range(10_000)]}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": params}).encode()
    assert (await post(token, body)).status == 200


@pytest.mark.parametrize("pieces", [1, 7])
async def test_a_body_past_the_limit_is_refused(token: str, settings: Settings, pieces: int) -> None:
    settings.BODY_LIMIT_BYTES = 1000
    filler = b" " * (1001 - len(PING))
    body = PING + filler
    size = len(body) // pieces + 1
    answer = await post(token, [body[at : at + size] for at in range(0, len(body), size)])
    assert (answer.status, error_of(answer)["data"]["code"]) == (413, "body_too_large")
    assert (await post(token, PING + filler[1:])).status == 200


async def test_a_body_past_the_limit_is_not_read_to_its_end(token: str, settings: Settings) -> None:
    settings.BODY_LIMIT_BYTES = 1000
    from gatewaysite.asgi import application
    from tests.asgi_client import begin

    visit = begin(
        application,
        "POST",
        "/mcp",
        body=[b"x" * 600] * 50,
        headers={"content-type": "application/json", "authorization": f"Bearer {token}", "content-length": "10"},
    )
    await visit.run()
    assert visit.answer.status == 413
    assert visit.incoming.qsize() == 48


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/json-rpc"]
)
async def test_another_content_type_is_refused(token: str, content_type: str) -> None:
    answer = await post(token, PING, content_type=content_type)
    assert (answer.status, error_of(answer)["data"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_announced_in_any_spelling(token: str, content_type: str) -> None:
    assert (await post(token, PING, content_type=content_type)).status == 200


async def test_a_client_that_leaves_before_its_body_is_complete_is_not_answered(token: str) -> None:
    from gatewaysite.asgi import application
    from tests.asgi_client import begin

    visit = begin(
        application,
        "POST",
        "/mcp",
        body=[PING[:5], PING[5:]],
        headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
    )
    visit.incoming.get_nowait()
    visit.incoming.get_nowait()
    visit.incoming.put_nowait({"type": "http.request", "body": PING[:5], "more_body": True})
    visit.leave()
    await visit.run()
    assert visit.sent == []


@pytest.mark.parametrize("method", ["ping", "initialize", "tools/list"])
async def test_params_may_be_absent(token: str, method: str) -> None:
    answer = await post(token, b'{"jsonrpc":"2.0","id":1,"method":"%s"}' % method.encode())
    assert (answer.status, "result" in answer.json) == (200, True)


async def test_a_response_of_the_client_is_accepted(token: str) -> None:
    answer = await post(token, b'{"jsonrpc":"2.0","id":1,"result":{}}')
    assert (answer.status, answer.body) == (202, b"")


async def test_an_unknown_method_is_an_error_with_the_id_of_the_request(token: str) -> None:
    answer = await call(token, "resources/frobnicate", id="abc")
    assert (answer.status, error_of(answer)["code"], answer.json["id"]) == (200, -32601, "abc")


async def test_every_answer_forbids_caches_to_keep_it_and_carries_the_request_id(token: str) -> None:
    answer = await call(token, "ping", headers={"x-request-id": "request-1234"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"] == "request-1234"
    other = await call(token, "ping", headers={"x-request-id": "no\nline\nbreaks"})
    assert len(other.headers["x-request-id"]) == 32


async def test_a_header_name_with_an_underscore_is_not_a_header(token: str) -> None:
    from gatewaysite.asgi import application

    headers = {"content-type": "application/json", "x_api_key": token}
    answer = await ask(application, "POST", "/mcp", body=PING, headers=headers)
    assert answer.status == 401
