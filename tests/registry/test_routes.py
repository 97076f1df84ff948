"""Proxy routes in the registry: what may be saved, what is answered, and what is refused before it could be called."""

from typing import Any

import pytest

from gatewaysite.secrets import open_sealed
from proxy_app.models import Route
from proxy_app.proxy_rules import DEFAULT_METHODS, DEFAULT_REQUEST_HEADERS
from tests.builders import a_route
from tests.registry.conftest import Caller
from tests.upstream.test_addresses import REFUSED_HOSTS

BODY = {"name": "Orders", "upstreamUrl": "https://api.example.com/v1"}


def created(admin: Caller, **body: Any) -> Any:
    answer = admin.post("/routes", BODY | body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def refused(admin: Caller, **body: Any) -> list[tuple[str, str]]:
    """What is wrong with a body: fields and kinds of faults."""
    answer = admin.post("/routes", BODY | body)
    assert answer.status_code == 422, answer.content
    assert not Route.objects.exists()
    return [(fault["loc"][1], fault["type"]) for fault in answer.json()["detail"]]


def test_a_route_needs_a_name_and_an_upstream_and_has_careful_defaults(admin: Caller) -> None:
    route = created(admin)
    assert route["proxyUrl"].endswith("/proxy/orders")
    assert route["methods"] == list(DEFAULT_METHODS)
    assert route["requestHeaders"] == list(DEFAULT_REQUEST_HEADERS)
    assert "set-cookie" not in route["responseHeaders"]
    assert "cache-control" not in route["responseHeaders"]
    assert (route["stripPrefix"], route["streaming"], route["redirects"]) == (True, True, False)
    assert (route["queryPolicy"], route["addedHeaders"], route["authType"]) == ("pass", {}, None)


def test_https_is_meant_where_no_scheme_is_given(admin: Caller) -> None:
    assert created(admin, upstreamUrl="api.example.com:8443/v1")["upstreamUrl"] == "https://api.example.com:8443/v1"


def test_names_of_headers_and_methods_are_kept_in_one_spelling_each_once(admin: Caller) -> None:
    route = created(admin, methods=["get", "GET", "post"], requestHeaders=["X-Tenant", "x-tenant", "X-Trace-*"])
    assert route["methods"] == ["GET", "POST"]
    assert route["requestHeaders"] == ["x-tenant", "x-trace-*"]


@pytest.mark.parametrize(
    "name",
    ["Authorization", "X-Api-Key", "cookie", "Host", "Connection", "X-Forwarded-For", "Forwarded", "X-Gateway-User",
     "Proxy-Authorization", "Transfer-Encoding", "X-HTTP-Method-Override", "X-Original-URL"],
)  # fmt: skip
def test_what_never_passes_to_an_upstream_cannot_be_listed_or_added(admin: Caller, name: str) -> None:
    assert refused(admin, requestHeaders=[name]) == [("requestHeaders", "header_reserved")]
    assert refused(admin, addedHeaders={name: "x"}) == [("addedHeaders", "header_reserved")]


@pytest.mark.parametrize("name", ["Connection", "Transfer-Encoding", "Content-Length", "X-Accel-Redirect", "Alt-Svc"])
def test_what_never_passes_to_a_client_cannot_be_listed(admin: Caller, name: str) -> None:
    assert refused(admin, responseHeaders=[name]) == [("responseHeaders", "header_reserved")]


@pytest.mark.parametrize("name", ["a b", "x_user", "x:y", "x*y", "", "é", "x\r\ny"])
def test_what_is_no_name_of_a_header_cannot_be_listed(admin: Caller, name: str) -> None:
    assert refused(admin, requestHeaders=[name]) == [("requestHeaders", "header_name")]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "é", " a", "a\tb"])
def test_a_value_that_would_break_out_of_its_header_cannot_be_saved(admin: Caller, value: str) -> None:
    assert refused(admin, addedHeaders={"x-tenant": value}) == [("addedHeaders", "unsendable")]


@pytest.mark.parametrize("path", ["v1", "/a/../b", "/%2e%2e", "/a//b", "/a\\b", "/a%00", "/a/", "/%252e", "/..;/a"])
def test_a_path_that_is_not_plain_is_no_replacement(admin: Caller, path: str) -> None:
    assert refused(admin, replaceFrom=path) == [("replaceFrom", "bad_path")]
    assert refused(admin, replaceFrom="/a", replaceTo=path) == [("replaceTo", "bad_path")]


def test_a_replacement_without_what_it_replaces_is_refused_also_in_two_steps(admin: Caller) -> None:
    assert refused(admin, replaceTo="/v2") == [("replace_from", "value_error")]
    route = created(admin, replaceFrom="/v1", replaceTo="/v2")
    assert admin.put(f"/routes/{route['id']}", {"replaceFrom": ""}).status_code == 422


@pytest.mark.parametrize("host", REFUSED_HOSTS)
def test_an_address_that_is_not_public_cannot_be_saved(admin: Caller, host: str) -> None:
    for url in (f"https://{host}/v1", f"http://{host}:8080", f"{host}/v1"):
        assert refused(admin, upstreamUrl=url) == [("upstream_url", "address_not_allowed")]


def test_a_saved_route_cannot_be_moved_inside(admin: Caller) -> None:
    route = created(admin)
    answer = admin.put(f"/routes/{route['id']}", {"upstreamUrl": "http://169.254.169.254/latest"})
    assert (answer.status_code, answer.json()["code"]) == (422, "address_not_allowed")
    assert Route.objects.get().upstream_url == BODY["upstreamUrl"]


@pytest.mark.parametrize(
    "path", ["/a/../b", "/%2e%2e/b", "/..%2fb", "/a//b", "/v1?x=1", "/%00", "/a;/..", "/%252e%252e"]
)
def test_a_base_with_a_trick_in_its_path_cannot_be_saved(admin: Caller, path: str) -> None:
    assert refused(admin, upstreamUrl=f"https://api.example.com{path}") == [("upstream_url", "value_error")]


def test_the_credential_is_sealed_and_masked(admin: Caller) -> None:
    route = created(admin, authToken="s3cret-of-ours")
    assert (route["authType"], route["authToken"]) == ("bearer", "*****")
    assert open_sealed(Route.objects.get().sealed_headers) == {"Authorization": "Bearer s3cret-of-ours"}
    assert b"s3cret" not in admin.get(f"/routes/{route['id']}").content


def test_two_people_may_have_a_private_route_of_one_name(admin: Caller) -> None:
    a_route("orders")
    assert created(admin, visibility="private")["slug"] == "orders"
    assert admin.post("/routes", BODY).status_code == 409
