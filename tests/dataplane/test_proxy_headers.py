"""Which headers pass through a proxy route, in either direction, and what the gateway says itself."""

import gzip
from typing import Any

import pytest

from proxy_app.observe.records import CallRecord
from tests.asgi_client import Answer
from tests.dataplane.proxying import ask, passed
from tests.dataplane.world import World
from tests.upstream.fakes import FakeUpstream, Peer, Request, Script, polite

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

Pairs = tuple[tuple[str, str], ...]


def seen(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers}


def answers(*lines: bytes, body: bytes = b"ok", status: bytes = b"200 OK") -> Script:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(body, *lines, status=status)

    return script


async def sent(world: World, *headers: tuple[str, str], **route: Any) -> dict[str, str]:
    """What the upstream is told when a client sends these."""
    answer, requests = await passed(world, headers=headers, route=route)
    assert answer.status == 200, answer.body
    return seen(requests[0])


async def test_the_callers_credential_never_reaches_the_upstream(world: World) -> None:
    async with FakeUpstream(polite) as upstream:
        token = world.token()
        world.route("api", upstream.url, request_headers=["*"])
        world.publish()
        for credential in (("Authorization", f"Bearer {token}"), ("X-Api-Key", token)):
            assert (await ask(None, headers=[credential, ("x-other", "1")])).status == 200
        for request in upstream.requests:
            assert "x-other" in seen(request)
            assert not any(token in f"{name}{value}" for name, value in request.headers)


@pytest.mark.parametrize("credential", [(), (("authorization", "Bearer wrong"),), (("x-api-key", "wrong"),)])
async def test_without_a_live_token_nobody_is_called(world: World, credential: Pairs) -> None:
    async with FakeUpstream(polite) as upstream:
        world.route("api", upstream.url)
        world.publish()
        answer = await ask(None, headers=credential)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert upstream.connections == 0


async def test_only_listed_headers_pass(world: World) -> None:
    told = await sent(
        world, ("Accept", "text/plain"), ("X-Tenant", "blue"), ("X-Other", "1"), ("X-Trace-Id", "t"),
        request_headers=["accept", "x-tenant", "x-trace-*"],
    )  # fmt: skip
    assert told["accept"] == "text/plain"
    assert (told["x-tenant"], told["x-trace-id"]) == ("blue", "t")
    assert "x-other" not in told


async def test_the_route_adds_headers_and_its_credential_over_the_clients_own(world: World) -> None:
    told = await sent(
        world, ("X-Tenant", "red"), ("X-Service-Key", "mine"),
        request_headers=["x-tenant", "x-service-*"], added_headers={"x-tenant": "blue"},
        sealed_headers=world.gateway(headers={"X-Service-Key": "s3cret"})["sealed_headers"],
    )  # fmt: skip
    assert (told["x-tenant"], told["x-service-key"]) == ("blue", "s3cret")


async def test_a_credential_that_cannot_be_opened_is_told_and_nobody_is_called(world: World) -> None:
    answer, requests = await passed(world, route={"sealed_headers": "sealed-with-another-key"})
    assert (answer.status, answer.json["code"], requests) == (502, "upstream_unreachable", [])
    assert "set it again" in answer.json["detail"]


IDENTITY = [
    ("X-Forwarded-For", "203.0.113.66"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "gopher"),
    ("X-Forwarded-User", "root"), ("X-Forwarded-Prefix", "/evil"), ("Forwarded", "for=203.0.113.66"),
    ("X-Real-IP", "203.0.113.66"), ("X-Gateway-User", "root"), ("X_Forwarded_For", "203.0.113.66"),
    ("X-Gateway_User", "root"), ("X_User", "root"), ("True-Client-IP", "203.0.113.66"), ("Cookie", "sessionid=abc"),
    ("X-Original-URL", "/admin"), ("X-Rewrite-URL", "/admin"), ("X-HTTP-Method-Override", "DELETE"),
    ("Via", "1.1 evil"), ("Max-Forwards", "0"), ("Expect", "200-maybe"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), IDENTITY)
async def test_a_claim_to_be_somebody_or_somewhere_else_is_left_out_even_where_all_may_pass(
    world: World, name: str, value: str
) -> None:
    told = await sent(world, (name, value), request_headers=["*"])
    assert value not in told.values()
    assert name.lower().startswith("x-forwarded-") or name.lower() not in told


async def test_the_gateway_says_where_the_request_came_from(world: World) -> None:
    told = await sent(world, ("X-Request-Id", "request-0001"), ("Traceparent", "00-aa-bb-01"))
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert (told["x-forwarded-host"], told["x-forwarded-proto"]) == ("127.0.0.1:8000", "http")
    assert told["x-forwarded-prefix"] == "/proxy/api"
    assert (told["x-request-id"], told["traceparent"]) == ("request-0001", "00-aa-bb-01")


HOP_BY_HOP = [
    ("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"), ("Trailer", "X-Sum"),
    ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk"), ("Proxy-Authorization", "Basic eA=="),
    ("Proxy-Connection", "keep-alive"), ("Proxy-Anything", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), HOP_BY_HOP)
async def test_headers_about_a_connection_do_not_pass(world: World, name: str, value: str) -> None:
    assert name.lower() not in await sent(world, (name, value), request_headers=["*"])


@pytest.mark.parametrize("connection", [("X-User, Authorization",), ("close, x-user",), ("X-USER",), ("a", "x-user")])
async def test_a_client_takes_its_own_headers_back_through_connection_but_not_ours(
    world: World, connection: tuple[str, ...]
) -> None:
    named = [("Connection", value) for value in connection]
    ours = ("Connection", "X-Forwarded-For, X-Tenant, X-Request-Id, Host, X-Forwarded-Prefix, Content-Type")
    told = await sent(
        world, ("X-User", "1"), *named, ours, ("X-Tenant", "red"),
        request_headers=["x-user", "x-tenant"], added_headers={"x-tenant": "blue"},
    )  # fmt: skip
    assert "x-user" not in told
    assert (told["x-tenant"], told["x-forwarded-for"]) == ("blue", "127.0.0.1")
    assert {"x-request-id", "host", "x-forwarded-prefix"} <= told.keys()


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\x00b", "a\x7fb", "a\x1bb", "caf\xe9"])
async def test_a_header_that_would_become_two_is_refused(world: World, value: str) -> None:
    answer, requests = await passed(world, headers=[("Accept", value)])
    assert (answer.status, answer.json["code"], requests) == (400, "invalid_header", [])


@pytest.mark.parametrize("token", ["websocket", "WebSocket", "foo", "h2c, websocket"])
async def test_a_connection_is_never_turned_into_something_else(world: World, token: str) -> None:
    answer, requests = await passed(world, headers=[("Connection", "Upgrade"), ("Upgrade", token)])
    assert (answer.status, answer.json["code"], requests) == (501, "upgrade_not_supported", [])


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "BREW", "get"])
async def test_a_method_the_route_does_not_take_is_405_and_says_which_it_takes(world: World, method: str) -> None:
    answer, requests = await passed(world, method=method)
    assert (answer.status, requests) == (405, [])
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH, POST, PUT"


@pytest.mark.parametrize(
    "headers", [(("Host", "evil.example"),), (("Origin", "https://evil.example"),)], ids=["host", "origin"]
)
async def test_another_host_or_origin_is_refused(world: World, headers: Pairs) -> None:
    answer, requests = await passed(world, headers=headers)
    assert (answer.status in {400, 403}, requests) == (True, [])


# --- Back -------------------------------------------------------------------------------------------------------------


async def back(world: World, *lines: bytes, status: bytes = b"200 OK", **route: Any) -> Answer:
    """What a client gets when the upstream answers with these headers."""
    answer, _ = await passed(world, script=answers(*lines, status=status), route=route)
    return answer


def listing(*names: str) -> dict[str, Any]:
    return {"response_headers": list(names)}


NOT_BY_DEFAULT = [
    b"Set-Cookie: a=b", b"Server: Apache/1.3", b"X-Powered-By: PHP/4", b"Strict-Transport-Security: max-age=1",
    b"Access-Control-Allow-Origin: *", b"Access-Control-Allow-Credentials: true", b"Clear-Site-Data: \"*\"",
    b"Content-Security-Policy: default-src *", b"X-Frame-Options: ALLOWALL", b"WWW-Authenticate: Basic",
]  # fmt: skip
NEVER = [
    b"X-Accel-Redirect: /internal", b"X-Accel-Buffering: yes", b"X-Sendfile: /etc/passwd", b"Alt-Svc: h3=\":443\"",
    b"Keep-Alive: timeout=5", b"Proxy-Authenticate: Basic", b"Trailer: X-Sum", b"Upgrade: h2c", b"X-Gateway-User: root",
    b"Refresh: 0; url=https://evil.example", b"X-Request-Id: theirs",
]  # fmt: skip


@pytest.mark.parametrize("line", [*NOT_BY_DEFAULT, *NEVER])
@pytest.mark.parametrize("listed", [None, ["*"]])
async def test_what_acts_upon_a_browser_or_a_server_does_not_pass_of_itself(
    world: World, line: bytes, listed: list[str] | None
) -> None:
    answer = await back(world, line, b"X-Sum: 1", **(listing(*listed) if listed else {}))
    name, _, value = line.decode().partition(": ")
    assert answer.headers.get(name.lower()) != value
    assert ("x-sum" in answer.headers) == bool(listed)


@pytest.mark.parametrize("line", NOT_BY_DEFAULT)
async def test_it_passes_where_the_route_lists_it(world: World, line: bytes) -> None:
    name, _, value = line.decode().partition(": ")
    answer = await back(world, line, response_headers=[name.lower()])
    assert answer.headers[name.lower()] == value


async def test_no_upstream_sets_a_cookie_in_the_name_of_ours(world: World) -> None:
    lines = (b"Set-Cookie: sessionid=evil; Path=/", b"Set-Cookie: csrftoken=evil", b"Set-Cookie: theirs=1")
    answer = await back(world, *lines, response_headers=["set-cookie"])
    assert answer.headers["set-cookie"] == "theirs=1"


async def test_what_the_upstream_names_in_connection_does_not_pass(world: World) -> None:
    answer = await back(world, b"Connection: ETag, x-other", b'ETag: "a"', b"Vary: Accept")
    assert "etag" not in answer.headers
    assert "connection" not in answer.headers
    assert answer.headers["vary"] == "Accept"


async def test_nobody_may_store_an_answer_unless_the_route_says_so(world: World) -> None:
    assert (await back(world, b"Cache-Control: public, max-age=600")).headers["cache-control"] == "no-store"
    listed = listing("cache-control")
    assert (await back(world, b"Cache-Control: max-age=600", **listed)).headers["cache-control"] == "max-age=600"
    assert (await back(world, **listed)).headers["cache-control"] == "no-store"


async def test_every_answer_says_its_type_is_meant_and_carries_the_requests_id(world: World) -> None:
    answer = await back(world, b"Content-Type: text/html")
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.headers["x-request-id"]) == 32


async def test_a_compressed_body_passes_as_it_is_both_ways(world: World) -> None:
    bomb = gzip.compress(b"\0" * 5_000_000)

    async def script(peer: Peer) -> None:
        request = await peer.request()
        assert request.body == bomb
        await peer.answer(bomb, b"Content-Encoding: gzip", b"Content-Type: text/plain")

    answer, requests = await passed(
        world, script=script, method="POST", body=bomb,
        headers=[("Content-Encoding", "gzip"), ("Accept-Encoding", "gzip, br")],
    )  # fmt: skip
    assert (answer.body == bomb, answer.headers["content-encoding"]) == (True, "gzip")
    assert (seen(requests[0])["accept-encoding"], seen(requests[0])["content-encoding"]) == ("gzip, br", "gzip")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_passes_only_where_the_route_says_so(world: World, status: int) -> None:
    line = b"%d Elsewhere" % status
    to = b"Location: http://169.254.169.254/latest"
    refused = await back(world, to, status=line)
    assert (refused.status, refused.json["code"]) == (502, "upstream_redirect")
    assert "169.254" not in f"{refused.body!r}{refused.headers}"
    answer = await back(world, to, status=line, redirects=True)
    assert (answer.status, answer.headers["location"]) == (status, "http://169.254.169.254/latest")


async def test_a_place_at_the_upstream_is_told_as_our_client_reaches_it(world: World) -> None:
    async def script(peer: Peer) -> None:
        request = await peer.request()
        host = request.header("host") or ""
        where = {"/base/abs": f"http://{host}/base/new?a=1", "/base/rel": "/base/new", "/base/out": "/other"}
        place = where[request.line.split(" ")[1]]
        await peer.answer(b"", f"Location: {place}".encode(), status=b"201 Created")

    for target, ending in (("abs", "/proxy/api/new?a=1"), ("rel", "/proxy/api/new"), ("out", "/other")):
        answer, _ = await passed(world, f"/proxy/api/{target}", script=script, base="/base", method="POST")
        assert answer.headers["location"].endswith(ending), target
        assert ("/proxy/" in answer.headers["location"]) == (target != "out")


@pytest.mark.parametrize("status", [200, 201, 203, 206, 299, 304, 400, 401, 403, 404, 409, 418, 422, 429, 500, 503])
async def test_any_other_status_passes_as_it_is(world: World, status: int, records: list[CallRecord]) -> None:
    body = b"" if status == 304 else b'{"their":"own"}'
    answer, _ = await passed(world, script=answers(body=body, status=b"%d x" % status))
    assert (answer.status, answer.body) == (status, body)
    assert (records[-1].status, records[-1].outcome, records[-1].route_id is None) == (status, "ok", False)


async def test_an_answer_without_a_body_has_none(world: World) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    answer, _ = await passed(world, script=script, method="DELETE")
    assert (answer.status, answer.body, "content-length" in answer.headers) == (204, b"", False)


async def test_head_tells_the_length_of_what_it_does_not_send(world: World) -> None:
    async def script(peer: Peer) -> None:
        request = await peer.request()
        assert request.line == "HEAD /x HTTP/1.1"
        await peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 123456\r\nETag: "a"\r\n\r\n')

    answer, _ = await passed(world, script=script, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert (answer.headers["content-length"], answer.headers["etag"]) == ("123456", '"a"')


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
async def test_a_request_without_a_body_has_none_upstream(world: World, method: str) -> None:
    _, requests = await passed(world, method=method, headers=[("Content-Length", "0")])
    assert requests[0].line == f"{method} /x HTTP/1.1"
    assert "transfer-encoding" not in seen(requests[0])
    assert seen(requests[0]).get("content-length", "0") == "0"
