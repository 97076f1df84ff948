"""One hop, few threads, a short line: how requests get a thread, wait for one, are refused, and give it back."""

import asyncio
import threading
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import REGISTRY
from pytest_django import Settings

from gatewaysite.control_plane import ControlPlane
from gatewaysite.db import ledger
from gatewaysite.middleware import GetResponse
from gatewaysite.phases import PhaseViolation
from proxy_app.dataplane.lines import line_of
from tests.asgi_client import Visit, ask, begin, under_way
from tests.control_plane.conftest import until
from tests.control_plane.views import gate

pytestmark = pytest.mark.anyio

# Not the same second for everybody.
SOON = ("1", "2", "3")
FULL = {"reason": "control_plane_full", "route_kind": "control"}
seen_by_middleware: list[tuple[str, int]] = []


def watching(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        seen_by_middleware.append((threading.current_thread().name, threading.get_ident()))
        response = get_response(request)
        seen_by_middleware.append((threading.current_thread().name, threading.get_ident()))
        return response

    return middleware


async def test_a_request_is_served_in_one_hop_on_one_thread_of_the_pool(settings: Settings) -> None:
    here = "tests.control_plane.test_threads.watching"
    settings.MIDDLEWARE = [here, *settings.MIDDLEWARE, here]
    seen_by_middleware.clear()
    plane = ControlPlane(threads=2, max_waiting=0)
    answer = await ask(plane, "GET", "/plain")
    plane.close()
    assert len(set(seen_by_middleware)) == 1
    assert answer.json["thread"] == seen_by_middleware[0][0]
    assert answer.json["thread"].startswith("control-plane")


async def test_threads_start_with_the_first_request_and_not_before() -> None:
    def names() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("control-plane")]

    before = names()
    plane = ControlPlane(threads=2, max_waiting=0)
    assert names() == before
    await ask(plane, "GET", "/plain")
    plane.close()


async def test_many_requests_share_few_threads_and_all_are_answered(control_plane: ControlPlane) -> None:
    gate.open.set()
    control_plane._lines["main"].limit = 1000
    answers = await asyncio.gather(*(ask(control_plane, "GET", "/held") for _ in range(200)))
    assert [answer.status for answer in answers] == [200] * 200
    assert gate.most_inside <= 2
    assert len(gate.threads) <= 2


async def test_past_the_line_a_request_is_refused_at_once(control_plane: ControlPlane) -> None:
    before = REGISTRY.get_sample_value("gateway_rejections_total", FULL) or 0
    tasks = [asyncio.create_task(ask(control_plane, "GET", "/held")) for _ in range(5)]
    await until(lambda: control_plane.inside == 5 and gate.begun == 2)
    refused = await ask(control_plane, "GET", "/plain")
    assert (refused.status, refused.headers["retry-after"] in SOON) == (503, True)
    assert (refused.json["code"], refused.json["reason"]) == ("unavailable", "control_plane_full")
    page = await ask(control_plane, "GET", "/admin/tools")
    assert (page.status, page.headers["content-type"]) == (503, "text/plain")
    assert page.headers["retry-after"] in SOON
    assert REGISTRY.get_sample_value("gateway_rejections_total", FULL) == before + 2
    gate.open.set()
    assert [answer.status for answer in await asyncio.gather(*tasks)] == [200] * 5
    assert (await ask(control_plane, "GET", "/plain")).status == 200
    await until(lambda: control_plane.inside == 0)


async def test_views_that_wait_for_others_do_not_hold_up_the_rest(control_plane: ControlPlane) -> None:
    tasks = [asyncio.create_task(ask(control_plane, "GET", "/waiting/held")) for _ in range(3)]
    await until(lambda: gate.begun == 2)
    answer = await ask(control_plane, "GET", "/plain")
    assert (answer.status, "waiting" in answer.json["thread"]) == (200, False)
    gate.open.set()
    await asyncio.gather(*tasks)


async def test_the_line_of_views_that_wait_for_others_is_not_the_line_of_the_rest(control_plane: ControlPlane) -> None:
    tasks = [asyncio.create_task(ask(control_plane, "GET", "/waiting/held")) for _ in range(5)]
    await until(lambda: control_plane.inside == 5 and gate.begun == 2)
    assert (await ask(control_plane, "GET", "/waiting/held")).json["reason"] == "control_plane_full"
    assert (await ask(control_plane, "GET", "/plain")).status == 200
    gate.open.set()
    assert [answer.status for answer in await asyncio.gather(*tasks)] == [200] * 5


async def test_who_waits_too_long_for_a_thread_is_refused_and_never_served() -> None:
    plane = ControlPlane(threads=1, max_waiting=10, wait_within_s=0.1)
    before = REGISTRY.get_sample_value("gateway_rejections_total", FULL) or 0
    running = asyncio.create_task(ask(plane, "GET", "/held"))
    await until(lambda: gate.begun == 1)
    refusals = await asyncio.gather(*(ask(plane, "GET", "/held") for _ in range(3)))
    assert [(answer.status, answer.json["reason"]) for answer in refusals] == [(503, "control_plane_full")] * 3
    assert REGISTRY.get_sample_value("gateway_rejections_total", FULL) == before + 3
    gate.open.set()
    assert (await running).status == 200  # what runs is not cut short
    assert (gate.begun, plane.inside) == (1, 0)
    plane.close()


async def test_slow_views_leave_the_threads_of_the_others_alone() -> None:
    plane = ControlPlane(threads=1, max_waiting=0, line_of=lambda scope: "slow" if scope["path"] == "/held" else "main")
    slow = [asyncio.create_task(ask(plane, "GET", "/held")) for _ in range(5)]
    await until(lambda: plane.inside == 5 and gate.begun == 1)
    assert (await ask(plane, "GET", "/plain")).status == 200
    gate.open.set()
    assert [answer.status for answer in await asyncio.gather(*slow)] == [200] * 5
    assert len(gate.threads) == 1
    plane.close()


LINES = {"/held": "main", "/waiting/held": "waiting", "/plain": "spare", "/streamed": "spare"}


async def test_what_must_be_answered_while_all_others_hang_has_threads_of_its_own() -> None:
    plane = ControlPlane(threads=2, max_waiting=1, line_of=lambda scope: LINES[scope["path"]])
    hanging = [asyncio.create_task(ask(plane, "GET", path)) for path in ("/held", "/waiting/held") for _ in range(3)]
    await until(lambda: plane.inside == 6 and gate.begun == 4)
    answer = await ask(plane, "GET", "/plain")
    assert (answer.status, answer.json["thread"].startswith("control-plane-spare")) == (200, True)
    visit = begin(plane, "GET", "/streamed")
    async with under_way(visit):
        await first_chunk(visit)
        assert visit.sent[1]["body"].startswith(b"control-plane-spare")
        gate.open.set()
    assert visit.answer.body.endswith(b"second\n")
    await asyncio.gather(*hanging)
    plane.close()


@pytest.mark.parametrize(
    ("method", "path", "line"),
    [
        ("GET", "/admin/connections", "main"),  # until somebody is recognised
        ("POST", "/admin/upstreams/x/recreate", "waiting"),
        ("POST", "/admin/agents/x/tell", "waiting"),
        ("GET", "/static/poolgate.css", "files"),
        ("GET", "/login", "slow"),
        ("POST", "/login/reset/abc-def", "slow"),
        ("POST", "/login/sign-up", "slow"),
        ("POST", "/admin/profile/password", "slow"),
        ("GET", "/admin/profile/password", "main"),
        ("POST", "/v1/auth/email/login", "slow"),
        ("POST", "/auth/login", "slow"),
        ("PATCH", "/auth/email/admin/users/ann@example.com", "slow"),
        ("GET", "/auth/email/admin/users/ann@example.com", "main"),
        ("POST", "/auth/email/admin/users/ann@example.com/unlock", "main"),
        ("POST", "/admin/users/new", "slow"),
        ("POST", "/admin/tools/x/call", "waiting"),
        ("GET", "/resources/x/content", "waiting"),
        ("GET", "/v1/resources/test/file:///x", "waiting"),
        ("GET", "/resources/x", "main"),
        ("POST", "/v1/prompts/x", "waiting"),
        ("GET", "/prompts/x", "main"),
        ("POST", "/prompts/x/state", "main"),
        ("POST", "/admin/resources/x/read", "waiting"),
        ("POST", "/admin/prompts/x/render", "waiting"),
        ("GET", "/admin/tools", "main"),
        ("GET", "/tools", "main"),
        ("GET", "/login/sso/main", "waiting"),
        ("GET", "/auth/sso/login/main", "waiting"),
        ("GET", "/v1/auth/sso/login/main", "waiting"),
        ("GET", "/auth/sso/callback/main", "waiting"),
        ("GET", "/auth/sso/logout/main", "waiting"),
        ("GET", "/admin/sso/main", "main"),
        ("POST", "/admin/sso/main/test", "waiting"),
        ("POST", "/admin/profile/confirm", "slow"),
        ("GET", "/oauth/authorize/x", "waiting"),
        ("GET", "/oauth/callback", "waiting"),
        ("GET", "/oauth/status/x", "main"),
    ],
)
def test_each_path_has_its_line(method: str, path: str, line: str) -> None:
    assert line_of({"method": method, "path": path, "query_string": b"", "headers": []}) == line


async def test_made_up_sessions_and_a_slow_database_keep_nobody_from_the_files_and_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, answers = threading.Semaphore(0), threading.Event()

    def load(_session: SessionStore) -> dict[str, Any]:
        begun.release()
        answers.wait(20)
        return {}

    monkeypatch.setattr(SessionStore, "load", load)
    plane = ControlPlane(threads=2, max_waiting=10, line_of=line_of)
    cookie = {"cookie": "sessionid=a-made-up-one"}
    asking = [asyncio.create_task(ask(plane, "GET", "/admin/connections", headers=cookie)) for _ in range(6)]
    await until(lambda: plane.inside == 6 and begun._value == 2)
    assert (plane._lines["spare"].inside, plane._lines["main"].inside) == (0, 6)
    assert (await ask(plane, "GET", "/static/none.css")).status == 404
    answers.set()
    assert {answer.status for answer in await asyncio.gather(*asking)} == {303}
    plane.close()


async def leave(task: "asyncio.Task[Any]") -> None:
    """What gunicorn does to a request whose client is gone."""
    task.cancel()
    await asyncio.wait([task])


async def test_a_client_that_leaves_keeps_its_place_only_until_its_thread_is_free(control_plane: ControlPlane) -> None:
    visit = begin(control_plane, "GET", "/held")
    task = asyncio.create_task(visit.run())
    await until(lambda: gate.begun == 1)
    await leave(task)
    assert control_plane.inside == 1  # the thread still works
    assert gate.closed == 0
    gate.open.set()
    await until(lambda: control_plane.inside == 0)
    assert gate.ended == 1
    await until(lambda: gate.closed == 1)  # Django's end of the request came all the same
    assert visit.sent == []


async def test_a_client_that_leaves_the_line_is_never_served(control_plane: ControlPlane) -> None:
    busy = [asyncio.create_task(ask(control_plane, "GET", "/held")) for _ in range(2)]
    await until(lambda: gate.begun == 2)
    waiting = asyncio.create_task(ask(control_plane, "GET", "/held"))
    await until(lambda: control_plane.inside == 3)
    await leave(waiting)
    await until(lambda: control_plane.inside == 2)
    gate.open.set()
    await asyncio.gather(*busy)
    assert gate.begun == 2


async def test_a_storm_of_clients_that_leave_is_forgotten(control_plane: ControlPlane) -> None:
    control_plane._lines["main"].limit = 1000
    tasks = [asyncio.create_task(ask(control_plane, "GET", "/held")) for _ in range(300)]
    await until(lambda: gate.begun == 2)
    for number, task in enumerate(tasks):
        task.cancel()
        if number % 50 == 0:
            await asyncio.sleep(0)
    await asyncio.wait(tasks)
    gate.open.set()
    await until(lambda: control_plane.inside == 0)
    assert gate.begun == gate.ended == 2
    answers = await asyncio.gather(*(ask(control_plane, "GET", "/plain") for _ in range(100)))
    assert [answer.status for answer in answers] == [200] * 100


async def test_a_client_that_leaves_before_its_body_is_complete_costs_no_thread(control_plane: ControlPlane) -> None:
    visit = begin(control_plane, "POST", "/echo", body=[b"a", b"b"])
    visit.incoming.get_nowait()
    visit.incoming.get_nowait()
    visit.incoming.put_nowait({"type": "http.request", "body": b"a", "more_body": True})
    visit.leave()
    await visit.run()
    assert (visit.sent, control_plane.inside) == ([], 0)


async def test_the_end_waits_for_what_runs_and_drops_what_waits() -> None:
    plane = ControlPlane(threads=1, max_waiting=3)
    running = asyncio.create_task(ask(plane, "GET", "/held"))
    await until(lambda: gate.begun == 1)
    waiting = asyncio.create_task(ask(plane, "GET", "/held"))
    await until(lambda: plane.inside == 2)
    closing = asyncio.create_task(asyncio.to_thread(plane.close))
    await asyncio.sleep(0.05)
    assert not closing.done()
    gate.open.set()
    await asyncio.wait_for(closing, 5)
    assert (await running).status == 200
    await asyncio.wait([waiting], timeout=5)
    assert waiting.done()
    assert gate.begun == 1


# --- Streams -------------------------------------------------------------------------------------------------------


async def first_chunk(visit: Visit) -> None:
    await visit.until(2)


async def test_a_stream_is_sent_chunk_by_chunk_from_the_pools_threads(control_plane: ControlPlane) -> None:
    visit = begin(control_plane, "GET", "/streamed")
    async with under_way(visit) as task:
        await first_chunk(visit)
        assert visit.sent[1]["body"].startswith(b"control-plane")
        assert len(visit.sent) == 2
        gate.open.set()
        await asyncio.wait_for(task, 5)
    assert visit.answer.body.endswith(b"second\n")
    assert visit.answer.headers["set-cookie"].startswith("tasty=yes")
    assert gate.closed == 1


async def test_a_client_that_leaves_a_stream_closes_it(control_plane: ControlPlane) -> None:
    visit = begin(control_plane, "GET", "/streamed")
    task = asyncio.create_task(visit.run())
    await until(lambda: gate.begun == 1)
    task.cancel()
    await asyncio.sleep(0.02)
    gate.open.set()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()
    await until(lambda: gate.closed == 1)
    assert (await ask(control_plane, "GET", "/plain")).status == 200


@pytest.mark.usefixtures("db")
async def test_a_stream_that_reaches_for_the_database_breaks_off(control_plane: ControlPlane) -> None:
    visit = begin(control_plane, "GET", "/streams-queries")
    with pytest.raises(PhaseViolation):
        await visit.run()
    assert not visit.complete


async def test_whoever_waits_for_a_thread_is_listed_until_it_has_one(control_plane: ControlPlane) -> None:
    asked = [asyncio.create_task(ask(control_plane, "GET", "/held")) for _ in range(4)]
    await until(lambda: gate.inside == 2)
    await until(lambda: len(ledger.waiting()) == 2)
    for entry, what in ledger.waiting():
        assert what == "thread"
        assert entry.request is not None
        assert entry.request.route == "/held"
    gate.open.set()
    await asyncio.gather(*asked)
    assert ledger.waiting() == []


async def test_who_leaves_the_line_is_listed_no_more(control_plane: ControlPlane) -> None:
    asked = [asyncio.create_task(ask(control_plane, "GET", "/held")) for _ in range(3)]
    await until(lambda: len(ledger.waiting()) == 1)
    asked[2].cancel()
    await until(lambda: ledger.waiting() == [])
    gate.open.set()
    await asyncio.gather(*asked, return_exceptions=True)
