"""Where a request through a proxy route leads: below the route's base, to the byte, or nowhere."""

import pytest

from proxy_app.proxy_rules import BadPath, check_path
from proxy_app.upstream.client import UpstreamClient
from tests.dataplane.proxying import ask, passed
from tests.dataplane.world import World
from tests.upstream.fakes import FakeUpstream, polite

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

BAD_RESTS = [
    "/..", "/../admin", "/a/../../admin", "/.", "/a/./b", "/%2e%2e/admin", "/%2E%2e/admin", "/.%2e/admin",
    "/..%2fadmin", "/..%2Fadmin", "/%2e%2e%2fadmin", "/%252e%252e/admin", "/%252e", "/a%252fb", "/;/../admin",
    "/..;/admin", "/..;a=b/admin", "/%2e%2e;/admin", "/a\\..\\admin", "/a\\b", "/%5c..%5cadmin", "/a%5cb", "//admin",
    "/a//b", "/a/%2f/b", "/a%2f%2fb", "/%00", "/a%00.png", "/%0d%0aX:1", "/%0a", "/%7f", "/a%zz", "/a%2", "/a%",
    "/#a", "/a#/../b", "/..%20/admin", "/%c0%ae%c0%ae/admin", "/%ff", "/%ef%bc%8e%ef%bc%8e/admin", "/%e2%80%a5/admin",
    "/a%ef%bc%bcb", "/%ef%bc%8f%ef%bc%8fb", "/a\x01b", "/a b", "/\u00e9",
]  # fmt: skip


@pytest.mark.parametrize("rest", BAD_RESTS)
async def test_a_path_that_servers_read_differently_is_refused_and_nobody_is_called(world: World, rest: str) -> None:
    answer, requests = await passed(world, f"/proxy/api{rest}", base="/base")
    assert (answer.status, answer.json["code"]) == (400, "bad_path")
    assert requests == []


@pytest.mark.parametrize(
    "target",
    ["/proxy/../proxy/api/x", "/%70roxy/api/x", "/proxy%2fapi/x", "/proxy//x", "/proxy/%61pi%2f../x", "/./proxy/api/x"],
)
async def test_a_prefix_that_is_disguised_leads_nowhere(world: World, target: str) -> None:
    answer, requests = await passed(world, target)
    assert answer.status in (400, 404)
    assert requests == []


@pytest.mark.parametrize(
    "rest",
    ["", "/", "/a", "/a/", "/a/b.c", "/.well-known/x", "/a..b", "/...", "/a%20b", "/a%2Fb", "/a;v=1", "/%C3%A9",
     "/a%25", "/~user/x-y_z", "/a:b@c", "/$metadata", "/(a)", "/a%3Fb", "/%E2%82%AC", "/a|b", '/a"b', "/[1]", "/{x}"],
)  # fmt: skip
async def test_an_ordinary_path_reaches_the_upstream_to_the_byte(world: World, rest: str) -> None:
    answer, requests = await passed(world, f"/proxy/api{rest}", base="/base")
    assert (answer.status, answer.body) == (200, b"ok")
    assert [request.line for request in requests] == [f"GET /base{rest} HTTP/1.1"]


@pytest.mark.parametrize("query", ["a=1&b=2", "a=%2e%2e%2f", "a=../../x", "q=a+b", "", "a", "x=%", "a=1?b", "a='(|)"])
async def test_a_query_reaches_the_upstream_to_the_byte(world: World, query: str) -> None:
    answer, requests = await passed(world, f"/proxy/api/x?{query}")
    assert answer.status == 200
    assert requests[0].line == f"GET /x{'?' if query else ''}{query} HTTP/1.1"


@pytest.mark.parametrize("query", ["a=1#b", "a=\x01", "a=b c", "a=\u00e9", "a\r\nX: 1"])
async def test_a_query_that_is_none_is_refused(world: World, query: str) -> None:
    answer, requests = await passed(world, f"/proxy/api/x?{query}")
    assert (answer.status, answer.json["code"], requests) == (400, "query_not_allowed", [])


@pytest.mark.parametrize(
    ("route", "rest", "expected"),
    [
        ({}, "/a", "/base/a"),
        ({"strip_prefix": False}, "/a", "/base/proxy/api/a"),
        ({"strip_prefix": False}, "", "/base/proxy/api"),
        ({"replace_from": "/v1", "replace_to": "/api/v2"}, "/v1/a", "/base/api/v2/a"),
        ({"replace_from": "/v1", "replace_to": "/api/v2"}, "/v1", "/base/api/v2"),
        ({"replace_from": "/v1", "replace_to": "/api/v2"}, "/v10", "/base/v10"),
        ({"replace_from": "/v1", "replace_to": ""}, "/v1/a", "/base/a"),
    ],
)
async def test_the_path_is_rewritten_as_the_route_says(
    world: World, route: dict[str, object], rest: str, expected: str
) -> None:
    _, requests = await passed(world, f"/proxy/api{rest}", base="/base", route=route)
    assert requests[0].line == f"GET {expected} HTTP/1.1"


async def test_a_route_to_the_root_has_a_path_even_where_nothing_follows(world: World) -> None:
    _, requests = await passed(world, "/proxy/api")
    assert requests[0].line == "GET / HTTP/1.1"


@pytest.mark.parametrize(
    ("route", "query", "status"),
    [
        ({"query_policy": "refuse"}, "", 200),
        ({"query_policy": "refuse"}, "?a=1", 400),
        ({"query_policy": "listed", "query_parameters": ["page"]}, "?page=1&page=2", 200),
        ({"query_policy": "listed", "query_parameters": ["page"]}, "?%70age=1", 200),
        ({"query_policy": "listed", "query_parameters": ["page"]}, "?page=1&debug=1", 400),
        ({"query_policy": "listed", "query_parameters": ["page"]}, "?page=1;debug=1", 400),
        ({"query_policy": "listed", "query_parameters": ["page"]}, "?page=1&", 400),
    ],
)
async def test_a_route_says_which_queries_it_takes(
    world: World, route: dict[str, object], query: str, status: int
) -> None:
    answer, _ = await passed(world, f"/proxy/api/x{query}", route=route)
    assert answer.status == status


async def test_a_target_that_is_no_path_is_refused(world: World, upstreams: UpstreamClient) -> None:
    token = world.token()
    for target in ("http://example.com/proxy/api/x", "http://user@127.0.0.1/proxy/api/x", "https://127.0.0.1/livez"):
        answer = await ask(token, target)
        assert (answer.status, answer.json["code"]) == (400, "bad_path")
    assert (await ask(token, "example.com:443", method="CONNECT")).status == 405


async def test_a_route_answers_to_its_id_and_slug_and_the_closest_is_meant(world: World) -> None:
    async with FakeUpstream(polite) as public, FakeUpstream(polite) as private:
        token, other = world.token(), world.token()
        row = world.route("api", public.url)
        world.route("api", private.url, visibility="private", owner_id=world.actor(token).user_id)
        world.publish()
        assert (await ask(token)).status == 200
        assert (await ask(other)).status == 200
        assert (await ask(token, f"/proxy/{row['id'].hex}/x")).status == 200
        assert (len(public.requests), len(private.requests)) == (2, 1)


async def test_a_route_one_may_not_see_is_not_there(world: World) -> None:
    token, stranger = world.token(), world.token()
    row = world.route("mine", visibility="private", owner_id=world.actor(token).user_id)
    world.publish()
    hidden = await ask(stranger, "/proxy/mine/x")
    absent = await ask(stranger, "/proxy/none/x")
    by_id = await ask(stranger, f"/proxy/{row['id'].hex}/x")
    assert (hidden.status, absent.status, by_id.status) == (404, 404, 404)
    assert hidden.body == absent.body == by_id.body


def test_checking_a_path_of_any_shape_takes_no_time() -> None:
    for path in (b"/" + b"a" * 8000, b"/a" * 4000, b"/." * 4000, b"/%61" * 2000, b"/;" * 4000):
        try:
            check_path(path)
        except BadPath:
            continue
