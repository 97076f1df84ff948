"""The pages of the registry, for every kind. Each calls units of work, then renders what they returned."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.login.adapter import safe_target
from auth_app.policy import may
from auth_app.stamps import Stamp, stamp_of
from auth_app.teams.work import teams_to_choose
from gatewaysite.controls import Texts, choices
from gatewaysite.errors import BadInput, Conflict, GatewayError
from gatewaysite.etags import Stale, Versions
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated, values_of
from proxy_app.dataplane.a2a.trial import tell_agent
from proxy_app.dataplane.call import call_tool_for_page
from proxy_app.dataplane.proxy.trial import try_route
from proxy_app.names import AGENT_KEY, ROUTE_KEY
from proxy_app.observe.upstream_rows import id_of
from proxy_app.registry import forms, route_trial, schema_form, work
from proxy_app.registry.access import may_do_item, require_item, scope_of, why_not
from proxy_app.registry.kind import Kind
from proxy_app.registry.kind_pages import page_of
from proxy_app.registry.kind_pages.agents import talk_context
from proxy_app.registry.kind_pages.routes import trial_context
from proxy_app.registry.kind_pages.tools import call_context
from proxy_app.registry.kinds import AGENTS, GATEWAYS, ROUTES, TOOLS
from proxy_app.registry.page import Filling
from proxy_app.registry.query import from_page
from proxy_app.registry.showing import facts_of
from proxy_app.registry.syncing import sync_box
from proxy_app.registry.tables import is_narrowed, table_context
from proxy_app.registry.tool_call import shown
from proxy_app.registry.tries.work import note_try
from proxy_app.rest.plan import pool_key

Plain = dict[str, Any]

# Kinds that have pools, and what the keys of those begin with.
POOLED = {GATEWAYS: "", ROUTES: ROUTE_KEY, AGENTS: AGENT_KEY}
# What can be done with many items of a list: see bulk_pages.
BULK_ACTIONS = choices(
    (
        ("enable", "Switch on"),
        ("disable", "Switch off"),
        ("tag", "Add tags"),
        ("untag", "Take tags away"),
        ("move", "Change who sees them"),
        ("delete", "Delete"),
    )
)


@require_safe
def table(request: HttpRequest, kind: Kind) -> HttpResponse:
    """The kind's items this person may see; only the table itself for htmx."""
    actor, query = actor_of(request), from_page(kind, request.GET)
    listing = work.list_items(kind, actor, query)
    total = listing.total or 0
    if not listing.items and total:
        return redirect_after(kind_url(kind))
    context = kind_context(kind) | table_context(kind, actor, query, listing.items, total, request.GET)
    context["actions"] = BULK_ACTIONS
    context["hidden"] = 0 if total or is_narrowed(query) else work.counts(actor)[kind.slug]["total"]
    return _page_or_part(request, "registry/list.html", "table", context)


@require_safe
def detail(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    actor = actor_of(request)
    item = work.read_item(kind, actor, key)
    context = item_context(kind, actor, item) | page_of(kind).detail(actor, item, request.GET)
    return render_page(request, "registry/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, kind: Kind) -> HttpResponse:
    """The empty form, or the item it was filled in for."""
    actor = actor_of(request)
    return _form(
        request,
        kind,
        lambda values, _versions: work.create_item(kind, actor, values, _stamp(request, actor)),
        done=f"{kind.title} added.",
        model=kind.create,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """The item's form, or the item changed by it."""
    actor = actor_of(request)
    item = work.read_item(kind, actor, key)
    require_item(actor, "update", kind.slug, item)
    return _form(
        request,
        kind,
        lambda values, versions: work.update_item(
            kind, actor, item["id"], values, _stamp(request, actor), versions=versions
        ),
        done="Saved.",
        model=kind.update,
        item=item,
    )


@require_POST
def state(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """Switch an item on or off."""
    actor = actor_of(request)
    wanted = request.POST.get("enabled")
    if wanted not in {"yes", "no"}:
        raise BadInput("enabled must be yes or no")
    item = work.set_enabled(kind, actor, key, wanted == "yes", _stamp(request, actor))
    said = [f"{item['name']} is switched {'on' if item['enabled'] else 'off'}."]
    said += [] if item["enabled"] else page_of(kind).depends(actor, item)
    messages.success(request, " ".join(said), "ok")
    return redirect_after(safe_target(request.POST.get("next", "")) or item_url(kind, item["id"]))


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """Ask once, naming what depends on the item; then delete it."""
    actor = actor_of(request)
    if request.method == "POST":
        gone = work.delete_item(kind, actor, key, _stamp(request, actor))
        messages.success(request, f"{gone['name']} was deleted.", "ok")
        return redirect_after(kind_url(kind))
    item = work.read_item(kind, actor, key)
    require_item(actor, "delete", kind.slug, item)
    context = item_context(kind, actor, item) | {"dependents": page_of(kind).goes_along(actor, item)}
    return _page_or_part(request, "registry/delete.html", "confirm", context)


@require_POST
def refresh(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """Ask a gateway or agent again what it offers; its page then shows the progress of that attempt."""
    actor = actor_of(request)
    try:
        item = work.refresh_item(kind, actor, key, _stamp(request, actor))
    except work.AlreadyRunning:
        item = work.read_item(kind, actor, key)
    except Conflict as conflict:
        messages.error(request, conflict.message, "bad")
        return redirect_after(item_url(kind, key))
    return redirect_after(f"{item_url(kind, item['id'])}?after={item['registrationAttempts']}")


@require_safe
def progress(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """The progress box of an item, or its state for a table's cell. When it is done, the page around it reloads."""
    item = work.read_item(kind, actor_of(request), key)
    if "cell" in request.GET:
        return render_page(request, "registry/cells/state.html", {"value": page_of(kind).state(item)})
    context = sync_box(item, request.GET) | {"url": item_url(kind, item["id"])}
    response = render_page(request, "registry/sync.html", context)
    if not context["pending"]:
        response["HX-Refresh"] = "true"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def call(request: HttpRequest, key: str) -> HttpResponse:
    """Call a tool with the arguments of its form, and show the result under it."""
    actor = actor_of(request)
    item = work.read_item(TOOLS, actor, key)
    if request.method != "POST":
        return redirect_after(item_url(TOOLS, item["id"]))
    reading = schema_form.read(item["inputSchema"], forms.posted_texts(request.POST))
    result = None
    if not reading.errors:
        called = call_tool_for_page(actor, UUID(item["id"]), reading.arguments)
        note_try(actor, UUID(item["id"]), reading.arguments, called.outcome, called.duration_ms)
        result = shown(called)
    context = item_context(TOOLS, actor, item) | call_context(actor, item, reading.fields, reading.errors, result)
    return render_page(request, "registry/detail.html", context, status=422 if reading.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def attempt(request: HttpRequest, key: str) -> HttpResponse:
    """Send the request of its form through a proxy route, and show the answer under it."""
    actor = actor_of(request)
    item = work.read_item(ROUTES, actor, key)
    if request.method != "POST":
        return redirect_after(item_url(ROUTES, item["id"]))
    texts = forms.posted_texts(request.POST)
    result = route_trial.shown(try_route(actor, UUID(item["id"]), route_trial.trial_of(texts)))
    context = item_context(ROUTES, actor, item) | trial_context(actor, item, texts, result)
    return render_page(request, "registry/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def tell(request: HttpRequest, key: str) -> HttpResponse:
    """Send an agent the message of its form, and show what it said under it."""
    actor = actor_of(request)
    item = work.read_item(AGENTS, actor, key)
    if request.method != "POST":
        return redirect_after(item_url(AGENTS, item["id"]))
    text = forms.posted_texts(request.POST).get("query", "").replace("\r\n", "\n").strip()
    result = shown(tell_agent(actor, UUID(item["id"]), text))
    context = item_context(AGENTS, actor, item) | talk_context(item, request.GET, text, result)
    return render_page(request, "registry/detail.html", context)


def kind_url(kind: Kind) -> str:
    return reverse(f"page-{kind.slug}")


def item_url(kind: Kind, key: str) -> str:
    return reverse(f"page-{kind.slug}-item", args=[key])


def kind_context(kind: Kind) -> Plain:
    """What every page of a kind says about it."""
    create = {"label": f"Add {kind.singular}", "url": reverse(f"page-{kind.slug}-new")}
    return {
        "section": kind.slug,
        "create": create,
        "also": [{"label": label, "url": reverse(name)} for label, name in page_of(kind).also],
        "kind": {
            "slug": kind.slug,
            "singular": kind.singular,
            "plural": kind.slug.capitalize(),
            "url": kind_url(kind),
            "explain": kind.explain,
        },
    }


def item_context(kind: Kind, actor: Actor, item: Plain) -> Plain:
    """What every page of an item shows of it."""
    change = may_do_item(actor, "update", kind.slug, item)
    return kind_context(kind) | {
        "name": item["name"],
        "url": item_url(kind, item["id"]),
        "state": page_of(kind).state(item),
        "enabled": item["enabled"],
        "change": change,
        "why_not": "" if change else why_not(item),
        "lede": item["description"] or "",
        "facts": facts_of(kind, item),
        "upstream_url": _upstream_url(kind, actor, item),
    }


def _upstream_url(kind: Kind, actor: Actor, item: Plain) -> str:
    """Its row among the upstreams, for those who may look at them."""
    key = _pool_key(kind, item) if may(actor, "upstreams.read") else ""
    return f"{reverse('page-upstreams')}#{id_of('upstream', key)}" if key else ""


def _pool_key(kind: Kind, item: Plain) -> str:
    """Of the pool that its calls go through; empty for what has none, or none of its own kind."""
    if kind is TOOLS and item["baseUrl"]:
        return pool_key(item["baseUrl"])
    return POOLED[kind] + item["id"] if kind in POOLED else ""


def _form(
    request: HttpRequest,
    kind: Kind,
    write: Callable[[Plain, Versions], Plain],
    *,
    done: str,
    model: type[Any],
    item: Plain | None = None,
) -> HttpResponse:
    """Show the form, or write what it says and go to the item. What is wrong comes back at its field with 422."""
    if request.method != "POST":
        texts = None if item is None else forms.texts_of(kind, item)
        return _show_form(request, kind, texts, item)
    texts = forms.posted_texts(request.POST)
    if "narrow" in request.POST:
        return _show_form(request, kind, texts, item)
    versions = {texts["version"]} if texts.get("version") else None
    try:
        values = values_of(validated(model, forms.body_of(kind, request.POST, request.FILES)))
        if "test" in request.POST and (test := page_of(kind).test):
            return _show_form(request, kind, texts, item, tested=test(actor_of(request), values, item))
        written = write(values, versions)
    except Stale:
        fresh = work.read_item(kind, actor_of(request), item["id"] if item else "")
        return _show_form(request, kind, texts, fresh, forms.saved_meanwhile(kind, texts, fresh))
    except (BadInput, Conflict) as error:
        return _show_form(request, kind, texts, item, error)
    messages.success(request, done, "ok")
    return redirect_after(item_url(kind, written["id"]))


def _show_form(
    request: HttpRequest,
    kind: Kind,
    texts: Texts | None,
    item: Plain | None,
    error: GatewayError | None = None,
    tested: Plain | None = None,
) -> HttpResponse:
    actor, page = actor_of(request), page_of(kind)
    scope = scope_of(actor, kind.slug, teams_to_choose(actor, kind.slug))
    filling = Filling(
        texts=texts or forms.blank_texts(kind, scope) | forms.offered_texts(kind, request.GET), item=item, actor=actor,
        post=request.POST if request.method == "POST" else QueryDict(),
    )  # fmt: skip
    fields = forms.fields_for(kind, filling, scope)
    fields, summary = forms.with_errors(kind, fields, error) if error else (fields, [])
    context = kind_context(kind) | {
        "title": f"Edit {item['name']}" if item else f"Add {kind.singular}",
        "trail": {"name": item["name"], "url": item_url(kind, item["id"])} if item else None,
        "version": _version_shown(request, item, error),
        "fields": fields,
        "errors": summary,
        "submit": "Save" if item else f"Add {kind.singular}",
        "cancel": item_url(kind, item["id"]) if item else kind_url(kind),
        "wide": page.wide,
        "uploads": page.uploads is not None,
        "ahead": page.ahead if item is None else "",
        "testable": page.test is not None,
        "tested": tested,
    }
    if "test" in request.POST and request.headers.get("HX-Request"):  # only this part of the form is replaced
        return render_page(request, "registry/form.html#outcome", context)
    return render_page(request, "registry/form.html", context, status=error.status if error else 200)


def _version_shown(request: HttpRequest, item: Plain | None, error: GatewayError | None) -> str:
    """Of which version the form is: as it was when the form was first shown, until its reader was told of a newer."""
    if item is None:
        return ""
    told = request.method != "POST" or isinstance(error, forms.SavedMeanwhile)
    return str(item["version"]) if told else request.POST.get("version", "")


def _page_or_part(request: HttpRequest, template: str, part: str, context: Plain) -> HttpResponse:
    """The page, or for htmx only the part of it that changes. Caches are told that the two differ."""
    wanted = f"{template}#{part}" if request.headers.get("HX-Request") else template
    response = render_page(request, wanted, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _stamp(request: HttpRequest, actor: Actor) -> Stamp:
    return stamp_of(request, actor, via="ui")
