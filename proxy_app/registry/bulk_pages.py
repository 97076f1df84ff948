"""Doing one thing with many items of a list: which are meant, asking once, and how it went."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_POST

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.login.adapter import safe_target
from auth_app.stamps import stamp_of
from auth_app.teams.work import teams_to_choose
from gatewaysite.controls import Field, Texts, control
from gatewaysite.errors import BadInput
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated
from proxy_app.registry import forms, work
from proxy_app.registry.access import scope_of
from proxy_app.registry.api import refusals_of
from proxy_app.registry.bulk import AT_MOST, BulkData, BulkRequest, run_bulk
from proxy_app.registry.kind import Kind
from proxy_app.registry.pages import BULK_ACTIONS, kind_context, kind_url
from proxy_app.registry.pieces import counted
from proxy_app.registry.query import from_page

Plain = dict[str, Any]

NAMED_AT_MOST = 50
# Of a single item nobody is asked whether this is meant; it is undone the same way.
AT_ONCE = frozenset({"enable", "disable"})
LABELS = {action["value"]: action["label"] for action in BULK_ACTIONS}
DONE = {
    "enable": "switched on",
    "disable": "switched off",
    "tag": "tagged",
    "untag": "rid of these tags",
    "move": "moved",
    "delete": "deleted",
}


@require_POST
def bulk(request: HttpRequest, kind: Kind) -> HttpResponse:
    """Ask what is meant and whether it is; then do it, and tell of those that were refused."""
    actor, post = actor_of(request), request.POST
    back = safe_target(post.get("next", "")) or kind_url(kind)
    action = post.get("action", "")
    ids = _meant(kind, actor, post, back)
    if action not in LABELS or not ids:
        told = "Choose what to do with them." if ids else f"Choose some {kind.slug} first."
        messages.error(request, told, "bad")
        return redirect_after(back)
    if "confirmed" not in post and not (len(ids) == 1 and action in AT_ONCE):
        return _ask(request, kind, actor, action, ids, back)
    try:
        asked = validated(BulkRequest, _body(action, ids, post))
    except BadInput as error:
        return _ask(request, kind, actor, action, ids, back, error)
    done = run_bulk(kind, actor, asked, stamp_of(request, actor, via="ui"), refusals_of(request))
    if done["failed"]:
        return _tell(request, kind, actor, action, done, back)
    messages.success(request, _sentence(kind, action, done), "ok")
    return redirect_after(back)


def _meant(kind: Kind, actor: Actor, post: QueryDict, back: str) -> list[str]:
    """The ids of the chosen items: those of an earlier step, all that the list has found, its page, or those ticked."""
    if chosen := post.get("chosen"):
        return chosen.split(",")[:AT_MOST]
    if "all" not in post and "this_page" not in post:
        return post.getlist("ids")[:AT_MOST]
    query = from_page(kind, QueryDict(urlsplit(back).query))
    if "all" in post:
        return work.list_ids(kind, actor, query, AT_MOST)[0]
    return [item["id"] for item in work.list_items(kind, actor, query).items]


def _body(action: str, ids: list[str], post: QueryDict) -> Plain:
    body: Plain = {"action": action, "ids": ids}
    if action in ("tag", "untag"):
        body["tags"] = [tag for part in post.get("tags", "").split(",") if (tag := part.strip())]
    if action == "move":
        team_id = post.get("team_id") if post.get("visibility") == "team" else None
        body |= {"visibility": post.get("visibility") or None, "team_id": team_id or None}
    return body


def _ask(
    request: HttpRequest,
    kind: Kind,
    actor: Actor,
    action: str,
    ids: list[str],
    back: str,
    error: BadInput | None = None,
) -> HttpResponse:
    """What would be done, to which items, and what it takes to say so."""
    named = work.names_of(kind, actor, ids)
    fields = _fields(kind, actor, action, forms.posted_texts(request.POST))
    fields, summary = forms.with_errors(kind, fields, error) if error else (fields, [])
    context = _context(kind, back) | {
        "title": f"{LABELS[action]}: {counted(len(named), kind.singular)}",
        "action": action,
        "names": [name for _id, name in named[:NAMED_AT_MOST]],
        "more": max(0, len(named) - NAMED_AT_MOST),
        "chosen": ",".join(row_id for row_id, _name in named),
        "fields": fields,
        "errors": summary,
        "submit": LABELS[action],
        "danger": action == "delete",
        "goes_along": _goes_along(kind, action),
    }
    return render_page(request, "registry/bulk.html", context, status=error.status if error else 200)


def _fields(kind: Kind, actor: Actor, action: str, texts: Texts) -> list[Field]:
    if action in ("tag", "untag"):
        return [control("tags", "Tags", texts, required=True, help="Separated by commas.")]
    if action == "move":
        scope = scope_of(actor, kind.slug, teams_to_choose(actor, kind.slug))
        return forms.scope_controls(texts, scope)
    return []


def _goes_along(kind: Kind, action: str) -> str:
    if action != "delete":
        return ""
    imported = {"gateways": " What was imported from them goes with them."}.get(kind.slug, "")
    return f"This cannot be undone.{imported}"


def _tell(request: HttpRequest, kind: Kind, actor: Actor, action: str, done: BulkData, back: str) -> HttpResponse:
    failed = [one for one in done["results"] if one["status"] == "error"]
    names = dict(work.names_of(kind, actor, [one["id"] for one in failed]))
    context = _context(kind, back) | {
        "title": f"{done['failed']} of {counted(len(done['results']), kind.singular)} refused",
        "done": _sentence(kind, action, done) if done["ok"] else "",
        "failed": [
            {
                "name": names.get(one["id"], one["id"]),
                "url": reverse(f"page-{kind.slug}-item", args=[one["id"]]) if one["id"] in names else "",
                "message": one["message"],
                "decision": one["decision_id"] or "",
            }
            for one in failed
        ],
    }
    return render_page(request, "registry/bulk_done.html", context)


def _context(kind: Kind, back: str) -> Plain:
    return kind_context(kind) | {"back": back, "post_to": reverse(f"page-{kind.slug}-bulk")}


def _sentence(kind: Kind, action: str, done: BulkData) -> str:
    verb = "was" if done["ok"] == 1 else "were"
    return f"{counted(done['ok'], kind.singular)} {verb} {DONE[action]}."
