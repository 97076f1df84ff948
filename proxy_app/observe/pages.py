"""The pages an operator looks at while something is wrong. They are made from memory."""

from collections.abc import Coroutine
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from auth_app.current import actor_of
from auth_app.policy import require
from auth_app.recognition import recognised, remember
from auth_app.stamps import stamp_of
from gatewaysite.errors import NotFound, Refused
from gatewaysite.responses import redirect_after, render_page
from proxy_app.dataplane.bridge import Bridge, TookTooLong, wait_for
from proxy_app.observe.board import board
from proxy_app.observe.showing import connections_context
from proxy_app.observe.upstream_details import told_of, upstream_context
from proxy_app.observe.upstream_shapes import Upstreams, UpstreamsPart
from proxy_app.observe.upstream_showing import upstreams_context
from proxy_app.observe.upstreams import everywhere, here, recreate
from proxy_app.observe.xray import merged

# The loop reads its pools in a few milliseconds, or has other troubles than this page.
LOOK_WITHIN_S = 2.0
# Telling all processes takes a unit of work, which may have to wait for a connection first.
RENEW_WITHIN_S = 20.0


Plain = dict[str, Any]


class LoopBusy(Refused):
    """This process is too busy to answer now; try again shortly."""

    reason = "loop_busy"


@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    """Who holds and who waits for a database connection now; for htmx only the part that changes."""
    require(recognised(request), "connections.read")
    context = connections_context(merged(board.parts())) | {"section": "connections"}
    return _live_page(request, "connections/connections.html", context)


@require_safe
def upstreams(request: HttpRequest) -> HttpResponse:
    """How every upstream is, in every process of this machine."""
    require(recognised(request), "upstreams.read")
    context = upstreams_context(_seen(), everything="all" in request.GET) | {"section": "upstreams"}
    return _live_page(request, "upstreams/list.html", context)


@require_safe
def upstream(request: HttpRequest, key: str) -> HttpResponse:
    """One of them, with what was done to it and how each process sees it."""
    require(recognised(request), "upstreams.read")
    context = upstream_context(_seen(), key)
    if context is None:
        raise NotFound
    return _live_page(request, "upstreams/upstream.html", context | {"section": "upstreams"})


@require_POST
def recreate_upstream(request: HttpRequest, key: str) -> HttpResponse:
    """New connections to one upstream. Being recognised is enough to look, not for this: the database is asked."""
    actor = actor_of(request)
    require(actor, "upstreams.recreate")
    name = next((one["name"] for one in _seen()["upstreams"] if one["key"] == key), "")
    done = _on_the_loop(recreate(key, stamp_of(request, actor, via="ui")), RENEW_WITHIN_S)
    if done is None:
        raise NotFound
    words, tone = told_of(name or key, done)
    messages.success(request, words, tone)
    return redirect_after("page-upstream", key) if name else redirect_after("page-upstreams")


def _live_page(request: HttpRequest, template: str, context: Plain) -> HttpResponse:
    """For htmx only the part that changes."""
    wanted = f"{template}#live" if request.headers.get("HX-Request") else template
    response = render_page(request, wanted, context)
    patch_vary_headers(response, ["HX-Request"])
    remember(request, response)
    return response


def _seen() -> Upstreams:
    """This process's pools as they are now, and what the others left in their files within the last second.

    Asked for on the loop, where pools live, rather than read from this process's own file: what was just done is seen
    at once, it works where RUN_DIR cannot be written, and no database is needed either way. A process without a loop
    calls nobody, so its pools stand still.
    """
    return everywhere(here() if Bridge.loop is None else _on_the_loop(_here(), LOOK_WITHIN_S))


async def _here() -> UpstreamsPart:
    return here()


def _on_the_loop[T](call: Coroutine[Any, Any, T], within_s: float) -> T:
    try:
        return wait_for(call, within_s)
    except TookTooLong as error:
        raise LoopBusy from error
