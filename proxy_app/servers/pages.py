"""The pages that only servers have: what is in one, and how clients connect to it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.stamps import stamp_of
from gatewaysite.errors import BadInput, Conflict, GatewayError
from gatewaysite.responses import redirect_after, render_page
from proxy_app.dataplane.listing import list_for_page
from proxy_app.registry.access import require_item
from proxy_app.registry.kinds import SERVERS
from proxy_app.registry.pages import item_context, item_url
from proxy_app.registry.pieces import counted
from proxy_app.registry.places import Edit, added, removed
from proxy_app.registry.work import read_item, update_item
from proxy_app.servers.choosing import (
    TICKS_KEPT,
    Wanted,
    WrongRow,
    all_of,
    choice_context,
    rows_of,
    stepped,
    wanted,
)
from proxy_app.servers.cost import cost_of
from proxy_app.servers.showing import connect_context, cost_context, tabs
from proxy_app.servers.work import ids_inside, ids_outside, read_choice

Plain = dict[str, Any]


@require_http_methods(["GET", "HEAD", "POST"])
def members(request: HttpRequest, key: str) -> HttpResponse:
    """What is in a server, and what could be. Every button writes at once, so that nothing chosen is lost."""
    actor = actor_of(request)
    item = read_item(SERVERS, actor, key)
    require_item(actor, "update", SERVERS.slug, item)
    now = wanted(request.GET)
    if request.method != "POST":
        return _show_members(request, actor, item, now)
    edits, wrong = rows_of(request.POST, item, now.of)
    if wrong:
        return _show_members(request, actor, item, now, wrong)
    edits += _pressed(request.POST, actor, item, now)
    try:
        done = update_item(SERVERS, actor, item["id"], {"members": all_of(edits)}, stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        return _show_members(request, actor, item, now, error=error)
    messages.success(request, _done(item, done, now), "ok")
    return redirect_after(request.get_full_path())


@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest, key: str) -> HttpResponse:
    """How clients connect. A POST asks for the list of tools as whoever presses the button."""
    actor = actor_of(request)
    item = read_item(SERVERS, actor, key)
    tried = list_for_page(actor, UUID(item["id"])) if request.method == "POST" else None
    context = item_context(SERVERS, actor, item) | connect_context(item, request.GET.get("client", ""), tried)
    return render_page(request, "servers/connect.html", context | tabs(item, "connect", change=context["change"]))


def _pressed(post: QueryDict, actor: Actor, item: Plain, now: Wanted) -> list[Edit]:
    """What the button says beside the rows."""
    server_id, do = UUID(item["id"]), post.get("do", "")
    edits = []
    if do == "add":
        edits.append(added(now.of, _ids(post.getlist("pick"))))
    elif do == "add-all":
        edits.append(added(now.of, ids_outside(now.kind, actor, server_id, now.query)))
    elif do == "remove-all":
        edits.append(removed(now.of, ids_inside(now.kind, actor, server_id, now.query)))
    if "remove" in post:
        edits.append(removed(now.of, _ids(post.getlist("remove"))))
    step = stepped(post, item, now.of)
    return [*edits, step] if step else edits


def _ids(keys: list[str]) -> list[UUID]:
    try:
        return [UUID(key) for key in keys]
    except ValueError as error:
        raise BadInput("What is chosen is named by its id") from error


def _done(before: Plain, after: Plain, now: Wanted) -> str:
    """What a press of a button has changed, in a sentence."""
    counts = [sum(member["kind"] == now.of for member in item["members"]) for item in (before, after)]
    if (more := counts[1] - counts[0]) > 0:
        return f"{counted(more, now.of)} added."
    return f"{counted(-more, now.of)} taken out." if more < 0 else "Saved."


def _show_members(
    request: HttpRequest,
    actor: Actor,
    item: Plain,
    now: Wanted,
    wrong: list[WrongRow] | None = None,
    *,
    error: GatewayError | None = None,
) -> HttpResponse:
    keys = [member["id"] for member in item["members"] if member["kind"] == now.of]
    choice = read_choice(now.kind, actor, UUID(item["id"]), keys, now.query, page=now.page, at=now.at)
    sent = request.POST if request.method == "POST" else QueryDict()
    ticked = (request.POST if request.method == "POST" else request.GET).getlist("pick")[:TICKS_KEPT]
    cost = cost_of(item)
    problems = [{"id": f"row-{one.key}", "label": "", "message": one.message} for one in wrong or ()]
    problems += [{"id": "", "label": "", "message": message} for message in _messages(error)]
    context = item_context(SERVERS, actor, item) | choice_context(item, now, choice, cost, sent, wrong or (), ticked)
    context |= cost_context(item, cost) | tabs(item, "members", change=True) | {"errors": problems}
    partial = request.headers.get("HX-Request") and request.method != "POST"
    template = "servers/members.html#lists" if partial else "servers/members.html"
    response = render_page(request, template, context, status=422 if problems else 200)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _messages(error: GatewayError | None) -> list[str]:
    if error is None:
        return []
    if isinstance(error, BadInput) and error.fields:
        return [f"{one.msg}." for one in error.fields]
    return [error.message]


def members_url(key: str) -> str:
    return f"{item_url(SERVERS, key)}/members"
