"""JSON-RPC by splicing: what is passed on keeps its bytes, what is broken is named."""

import json

import pytest

from gatewaysite.errors import BadInput
from proxy_app.upstream.errors import UpstreamProtocol
from proxy_app.upstream.mcp import messages
from proxy_app.upstream.mcp.texts import one_line, paragraphs
from proxy_app.upstream.mcp.wire import header_value, param_header

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
CLIENT = "io.modelcontextprotocol/clientInfo"


def test_a_request_carries_the_params_byte_for_byte() -> None:
    params = b'{ "name":"a\\u00e9",  "arguments":{"big":12345678901234567890,"x":1.0e2}}'
    raw = messages.request(7, "tools/call", params)
    assert params in raw
    assert json.loads(raw) == {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": json.loads(params)}


def test_a_method_with_quotes_in_it_stays_one_method() -> None:
    assert json.loads(messages.request(1, 'x","id":2,"y":"', None))["id"] == 1


def test_modern_meta_is_added_and_the_callers_keys_stay() -> None:
    params = b'{"name":"t","arguments":{"n":12345678901234567890},"_meta":{"progressToken":"p","traceparent":"00-1"}}'
    spliced = messages.with_modern_meta(params, "2026-07-28", b'{"sampling":{}}')
    meta = json.loads(spliced)["_meta"]
    assert (meta["progressToken"], meta["traceparent"]) == ("p", "00-1")
    assert (meta[VERSION], meta[CAPABILITIES], meta[CLIENT]["name"]) == ("2026-07-28", {"sampling": {}}, "poolgate")
    assert b'"arguments":{"n":12345678901234567890}' in spliced


def test_a_callers_own_idea_of_the_reserved_keys_is_replaced() -> None:
    params = json.dumps({"_meta": {VERSION: "1999-01-01", CAPABILITIES: {"roots": {}}}}).encode()
    assert json.loads(messages.with_modern_meta(params, "2026-07-28", b"{}"))["_meta"][CAPABILITIES] == {}


def test_modern_meta_makes_params_where_there_were_none() -> None:
    assert json.loads(messages.with_modern_meta(None, "2026-07-28", b"{}"))["_meta"][VERSION] == "2026-07-28"


@pytest.mark.parametrize("params", [b"[]", b'"x"', b'{"_meta":1}', b"{", b""])
def test_params_that_are_no_object_are_the_callers_mistake(params: bytes) -> None:
    with pytest.raises(BadInput):
        messages.with_modern_meta(params, "2026-07-28", b"{}")


def test_for_an_older_server_only_the_reserved_keys_go() -> None:
    params = json.dumps({"name": "t", "_meta": {VERSION: "2026-07-28", "progressToken": 3}}).encode()
    assert json.loads(messages.without_modern_meta(params) or b"") == {"name": "t", "_meta": {"progressToken": 3}}
    only_reserved = json.dumps({"_meta": {VERSION: "2026-07-28"}}).encode()
    assert messages.without_modern_meta(only_reserved) == b"{}"
    untouched = b'{ "name": "t" }'
    assert messages.without_modern_meta(untouched) is untouched
    assert messages.without_modern_meta(None) is None


def test_a_result_is_given_as_it_came() -> None:
    message = messages.parse(b'{"jsonrpc":"2.0","id":1,"result":{ "a" : 1.0,"b":12345678901234567890 }}')
    assert message.result == b'{ "a" : 1.0,"b":12345678901234567890 }'
    assert (message.id, message.is_response, message.error) == (b"1", True, None)


def test_notifications_and_requests_are_no_responses() -> None:
    message = messages.parse(b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}')
    assert (message.method, message.params, message.is_response) == ("notifications/progress", b'{"progress":1}', False)
    assert not messages.parse(b'{"id":"s1","method":"sampling/createMessage","params":{}}').is_response


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b'[{"id":1,"result":{}}]',
        b'{"id":1}',
        b'{"id":1,"result":{},"error":{"code":1,"message":""}}',
        b'{"id":1,"method":7}',
        b'{"id":1,"result":{}',
        b'{"id":1,"result":{}} trailing',
        b'{"id":1,"result":"\xff\xfe"}',
        b'{"id":1,"result":{"a":NaN}}',
        b'{"id":1,"result":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
)
def test_what_is_no_message_is_a_protocol_error(raw: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        messages.parse(raw)


@pytest.mark.parametrize("error", [b"{}", b'"x"', b'{"code":"x"}', b"null"])
def test_an_error_without_a_code_is_a_protocol_error(error: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        messages.error_of(error)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("get_weather", b"get_weather"),
        ("file:///a b", b"file:///a b"),
        ("", b"=?base64??="),
        (" a", b"=?base64?IGE=?="),
        ("a\r\nX: 1", b"=?base64?YQ0KWDogMQ==?="),
        ("grün", b"=?base64?Z3LDvG4=?="),
        ("=?base64?eA==?=", b"=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
    ],
)
def test_header_values_are_wrapped_when_they_are_not_plain(text: str, value: bytes) -> None:
    assert header_value(text) == value


def test_the_sdk_reads_the_header_values_we_write() -> None:
    from mcp.shared.inbound import decode_header_value

    for text in ("plain", " edge ", "grün", "a\nb", "=?base64?eA==?=", "\x7f"):
        assert decode_header_value(header_value(text).decode()) == text


def test_a_parameter_header_cannot_become_another_header() -> None:
    assert param_header("Region", "us") == (b"Mcp-Param-Region", b"us")
    for name in ("", "a b", "a\r\nX", "a:b", "ä"):
        assert param_header(name, "x") is None


def test_upstream_text_is_one_clean_short_line() -> None:
    assert one_line("a\x1b[31m b\r\n\tc\u202e d\0", 100) == "a [31m b c d"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"
    assert one_line({"not": "text"}, 10) == ""
    assert paragraphs("one\r\n\x07two\u2066", 100) == "one\ntwo"
