"""Requests through proxy routes, to the application in this process, with any path and any headers."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from tests.asgi_client import Answer, Visit, begin
from tests.dataplane.world import World
from tests.upstream.fakes import FakeUpstream, Request, Script, polite


def a_visit(
    token: str | None,
    target: str = "/proxy/api/x",
    *,
    method: str = "GET",
    body: bytes | Iterable[bytes] = b"",
    headers: Iterable[tuple[str, str]] = (),
) -> Visit:
    """A visit with one request; the target is sent as it is written here."""
    from gatewaysite.asgi import application

    path, _, query = target.partition("?")
    visit = begin(application, method, unquote(path), body=body, query=query)
    credential = [("authorization", f"Bearer {token}")] if token else []
    given = [("host", "127.0.0.1:8000"), *credential, *headers]
    if isinstance(body, bytes) and body:
        given.append(("content-length", str(len(body))))
    elif not isinstance(body, bytes):
        given.append(("transfer-encoding", "chunked"))
    visit.scope["raw_path"] = path.encode()
    visit.scope["headers"] = [(name.lower().encode(), value.encode("latin-1")) for name, value in given]
    return visit


async def ask(token: str | None, target: str = "/proxy/api/x", **how: Any) -> Answer:
    visit = a_visit(token, target, **how)
    await visit.run()
    assert visit.complete, "the answer has no end"
    return visit.answer


async def passed(
    world: World, target: str = "/proxy/api/x", *, script: Script = polite, base: str = "", **how: Any
) -> tuple[Answer, list[Request]]:
    """One request through a route whose upstream runs this script, and what that upstream was asked."""
    route = how.pop("route", {})
    async with FakeUpstream(script) as upstream:
        token = world.token()
        world.routes.clear()
        world.route("api", upstream.url.rstrip("/") + base, **route)
        world.publish()
        answer = await ask(token, target, **how)
        return answer, upstream.requests
