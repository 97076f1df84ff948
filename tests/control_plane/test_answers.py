"""What the control plane answers: errors as JSON or as a page by route, limits of bodies, and what follows a write."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from gatewaysite.control_plane import ControlPlane
from tests.asgi_client import ask, begin
from tests.control_plane.views import ERRORS

pytestmark = pytest.mark.anyio

EXPECTED: dict[str, tuple[int, Any, str]] = {
    "not-found": (404, "Not Found", "not_found"),
    "http404": (404, "Not Found", "not_found"),
    "denied": (403, "Access denied", "forbidden"),
    "suspicious": (400, "Bad request", "invalid_body"),
    "conflict": (409, "A tool named 'x' exists already.", "conflict"),
    "fields": (422, [{"type": "string_too_long", "loc": ["body", "name"], "msg": "too long"}], "invalid_request"),
    "pool": (503, "Every database connection is in use; try again shortly.", "unavailable"),
    "bug": (500, "Something went wrong on our side; the request id helps to find it in the log.", "internal_error"),
    "database": (503, "The database cannot be reached; try again shortly.", "unavailable"),
}


def test_every_kind_of_error_is_expected() -> None:
    assert EXPECTED.keys() == ERRORS.keys()


@pytest.mark.parametrize("kind", ERRORS)
async def test_an_error_of_a_json_route_is_json(control_plane: ControlPlane, kind: str) -> None:
    answer = await ask(control_plane, "GET", f"/fail/{kind}")
    status, detail, code = EXPECTED[kind]
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert (answer.json["detail"], answer.json["code"]) == (detail, code)
    assert b"secret detail" not in answer.body
    assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.parametrize("kind", ERRORS)
async def test_an_error_of_a_page_is_a_page(control_plane: ControlPlane, kind: str) -> None:
    answer = await ask(control_plane, "GET", f"/admin/fail/{kind}")
    status, _detail, _code = EXPECTED[kind]
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (status, "text/html")
    assert b"secret detail" not in answer.body
    assert b"<h1" in answer.body
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_an_error_page_needs_no_database_even_with_a_session_cookie(control_plane: ControlPlane) -> None:
    headers = {"cookie": "sessionid=some-session; messages=x"}
    assert (await ask(control_plane, "GET", "/admin/nowhere", headers=headers)).status == 404
    assert (await ask(control_plane, "GET", "/admin/fail/database", headers=headers)).status == 503


async def test_unknown_paths_are_404_in_the_shape_of_their_kind(control_plane: ControlPlane) -> None:
    answer = await ask(control_plane, "GET", "/nowhere")
    assert (answer.status, answer.json) == (404, {"detail": "Not Found", "code": "not_found"})
    answer = await ask(control_plane, "GET", "/admin/nowhere")
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (404, "text/html")


@pytest.mark.parametrize(
    "path",
    [
        "/teams/\0/members", "/rbac/users/\0/roles", "/rbac/permissions/user/a\0@b", "/auth/email/reset-password/\0-\0",
        "/gateways/\0", "/admin/teams/\0",
    ],
)  # fmt: skip
async def test_nothing_has_a_nul_in_its_name_whoever_asks(control_plane: ControlPlane, path: str) -> None:
    assert (await ask(control_plane, "GET", path)).status == 404


@pytest.mark.parametrize("host", ["evil.example.com", "", "127.0.0.1.evil.example.com"])
async def test_a_host_that_is_not_ours_is_refused(control_plane: ControlPlane, host: str) -> None:
    answer = await ask(control_plane, "GET", "/plain", headers={"host": host})
    assert (answer.status, answer.json["code"]) == (400, "invalid_body")


async def test_who_is_not_signed_in_gets_401_as_json_and_the_log_in_page_as_a_person(
    control_plane: ControlPlane,
) -> None:
    answer = await ask(control_plane, "GET", "/who")
    assert (answer.status, answer.headers["www-authenticate"], answer.json["code"]) == (
        401, "Bearer", "not_authenticated",
    )  # fmt: skip
    answer = await ask(control_plane, "GET", "/admin/who", query="page=2&q=ab")
    assert (answer.status, answer.headers["location"]) == (303, "/login?next=%2Fadmin%2Fwho%3Fpage%3D2%26q%3Dab")


async def test_every_answer_carries_a_request_id(control_plane: ControlPlane) -> None:
    answer = await ask(control_plane, "GET", "/plain", headers={"x-request-id": "mine-12345"})
    assert answer.headers["x-request-id"] == "mine-12345"
    for odd in ("short", "x" * 65, "with space here", "<script>alert(1)</script>"):
        answer = await ask(control_plane, "GET", "/fail/bug", headers={"x-request-id": odd})
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_a_method_a_route_does_not_know_is_405(control_plane: ControlPlane) -> None:
    answer = await ask(control_plane, "DELETE", "/echo", headers={"authorization": "Bearer x"})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")


async def test_head_is_answered_like_get(control_plane: ControlPlane) -> None:
    answer = await ask(control_plane, "HEAD", "/plain")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("path", ["/echo", "/admin/echo"])
@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_body_past_the_limit_is_refused_before_it_is_complete(
    control_plane: ControlPlane, settings: Settings, path: str, pieces: int
) -> None:
    settings.BODY_LIMIT_BYTES = 1000
    visit = begin(control_plane, "POST", path, body=[b"x" * 1001] * pieces, headers={"content-length": "5"})
    await visit.run()
    assert (visit.answer.status, control_plane.inside) == (413, 0)
    assert visit.incoming.qsize() == pieces - 1
    if path == "/echo":
        assert visit.answer.json["code"] == "body_too_large"


async def test_a_body_in_pieces_is_put_together(control_plane: ControlPlane) -> None:
    headers = {"content-type": "text/plain", "authorization": "Bearer x"}
    answer = await ask(control_plane, "POST", "/echo", body=[b"a" * 70_000, b"", b"b"], headers=headers)
    assert (answer.status, answer.body) == (200, b"a" * 70_000 + b"b")


# --- After a write ---------------------------------------------------------------------------------------------------


@pytest.fixture
def writes() -> list[str]:
    return []


@pytest.fixture
def informed(writes: list[str], _routes: None) -> Iterator[ControlPlane]:
    async def note() -> None:
        writes.append("applied")

    plane = ControlPlane(threads=1, max_waiting=1, after_write=note)
    yield plane
    plane.close()


@pytest.mark.parametrize(("method", "count"), [("GET", 0), ("HEAD", 0), ("OPTIONS", 0), ("POST", 1), ("DELETE", 1)])
async def test_the_snapshot_catches_up_before_a_write_is_answered(
    informed: ControlPlane, writes: list[str], method: str, count: int
) -> None:
    visit = begin(informed, method, "/echo", headers={"authorization": "Bearer x"})

    async def send(message: Any) -> None:
        writes.append("answered")
        visit.sent.append(message)

    await informed(visit.scope, visit.receive, send)
    assert writes[: count + 1] == ["applied"] * count + ["answered"]


async def test_a_database_lost_after_a_write_does_not_lose_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from gatewaysite.errors import DatabaseDown
    from proxy_app import lifecycle
    from proxy_app.snapshot.keeper import keeper

    plane = ControlPlane(threads=1, max_waiting=1, after_write=lifecycle.apply_changes)
    for trouble in (DatabaseDown(), RuntimeError("a bug in a loader")):

        async def fail(trouble: Exception = trouble) -> None:
            raise trouble

        monkeypatch.setattr(keeper, "check", fail)
        answer = await ask(plane, "POST", "/echo", body=b"x", headers={"authorization": "Bearer x"})
        assert (answer.status, answer.body) == (200, b"x")
    plane.close()


@pytest.mark.parametrize("path", ["/admin/fail/bug", "/admin/fail/not-found"])
async def test_an_error_page_that_fails_itself_ends_in_plain_words(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    renders: list[str] = []

    def broken(*_args: Any, **_options: Any) -> None:
        renders.append(path)
        raise ValueError("secret detail: a static file is missing from the manifest")

    monkeypatch.setattr("gatewaysite.middleware.render_page", broken)
    answer = await ask(control_plane, "GET", path)
    assert (answer.status, answer.headers["content-type"]) == (500, "text/plain")
    assert answer.body.startswith(b"Something went wrong on our side")
    assert len(renders) <= 2, "it must not be tried again and again"
