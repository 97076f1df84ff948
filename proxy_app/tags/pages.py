"""The page of tags: how many items have each, and changing one wherever one may."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe
from pydantic import Field

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.stamps import stamp_of
from gatewaysite.controls import Texts, control
from gatewaysite.errors import BadInput
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import Plain as PlainBody
from gatewaysite.validation import Tag, validated
from proxy_app.registry.api import refusals_of
from proxy_app.registry.kinds import KINDS
from proxy_app.registry.pieces import counted
from proxy_app.registry.query import Text, single_values
from proxy_app.tags import work
from proxy_app.tags.bodies import TYPES, TagData
from proxy_app.tags.changing import change_everywhere

Plain = dict[str, Any]

SHOWN = 50


class TagsParameters(PlainBody):
    q: Text = ""
    page: int = Field(1, ge=1, le=100_000)


class TagChange(PlainBody):
    """`to`: what it shall be called; left out, it is taken away."""

    tag: Tag
    to: Tag | None = None


@require_safe
def tags(request: HttpRequest) -> HttpResponse:
    given = {name: value for name, value in single_values(request.GET).items() if value.strip()}
    asked = validated(TagsParameters, given, where="query")
    words, found = asked.q.lower().strip(), work.list_tags(actor_of(request), TYPES, include_inactive=True)
    wanted = [tag for tag in found if words in tag["name"].lower()]
    first = (asked.page - 1) * SHOWN
    context = {
        "section": "tags",
        "kinds": [kind.slug.capitalize() for kind in KINDS],
        "any": bool(found),
        "query": asked.q,
        "rows": [_row(tag) for tag in wanted[first : first + SHOWN]],
        "total": len(wanted),
        "previous": _page(asked, asked.page - 1) if asked.page > 1 else "",
        "next": _page(asked, asked.page + 1) if first + SHOWN < len(wanted) else "",
    }
    return render_page(request, "tags/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Ask what a tag shall be; then rename it, or take it away, on every item that one may change."""
    actor = actor_of(request)
    if request.method != "POST":
        tag = validated(TagChange, single_values(request.GET), where="query").tag
        return _ask(request, actor, tag, {"to": tag})
    sent = {name: str(request.POST[name]) for name in ("tag", "to") if name in request.POST}
    if "away" in request.POST:
        sent.pop("to", None)
    try:
        asked = validated(TagChange, sent)
    except BadInput as error:
        return _ask(request, actor, sent.get("tag", ""), sent, error)
    stamp = stamp_of(request, actor, via="ui")
    done, refused = change_everywhere(actor, asked.tag, asked.to, stamp, refusals_of(request))
    what = f"is called {asked.to} now" if asked.to else "was taken away"
    messages.success(request, f"{asked.tag} {what} on {counted(done, 'item')}.", "ok" if done else "off")
    if refused:
        messages.error(request, f"{counted(refused, 'item')} kept it: you may not change all of them.", "warn")
    return redirect_after("page-tags")


def _ask(request: HttpRequest, actor: Actor, tag: str, texts: Texts, error: BadInput | None = None) -> HttpResponse:
    found = next((one for one in work.list_tags(actor, TYPES, include_inactive=True) if one["name"] == tag), None)
    field = control("to", "Call it", texts, required=True, help="A tag that is there already takes these items too.")
    context = {
        "section": "tags",
        "tag": tag,
        "counts": _row(found)["counts"] if found else [],
        "total": found["stats"]["total"] if found else 0,
        "field": field | {"error": error.message if error else ""},
        "errors": [{"id": "to", "label": "Call it", "message": error.message}] if error else [],
    }
    return render_page(request, "tags/change.html", context, status=error.status if error else 200)


def _row(tag: TagData) -> Plain:
    return {
        "name": tag["name"],
        "change": f"{reverse('page-tags-change')}?{urlencode({'tag': tag['name']})}",
        "total": tag["stats"]["total"],
        "counts": [_count(tag["name"], kind.slug, tag["stats"][kind.slug]) for kind in KINDS],
    }


def _count(tag: str, slug: str, count: int) -> Plain:
    narrowed = urlencode({"tags": tag, "include_inactive": "true"})
    return {"kind": slug, "count": count, "url": f"{reverse(f'page-{slug}')}?{narrowed}" if count else ""}


def _page(asked: TagsParameters, number: int) -> str:
    return f"?{urlencode([*([('q', asked.q)] if asked.q else []), ('page', str(number))])}"
