"""The first page: what is the matter in sentences, what there is, the latest calls, and the pools."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from auth_app.audit.showing import row
from auth_app.current import actor_of
from auth_app.login.adapter import safe_target
from gatewaysite.responses import redirect_after, render_page
from proxy_app.front.charts import charts_of, figures_of
from proxy_app.front.start import forget_start, wants_start
from proxy_app.front.work import look
from proxy_app.observe.state import process_state
from proxy_app.registry.kind_pages.gateways import gateway_state
from proxy_app.registry.kinds import KINDS
from proxy_app.registry.pieces import counted
from proxy_app.servers.clients import snippets

THEMES = ("light", "dark", "auto")
YEAR_S = 365 * 24 * 3600
NAMED_AT_MOST = 6
CLIENTS_SHOWN = ("claude-code", "curl", "python")

Plain = dict[str, Any]
Item = Mapping[str, Any]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect_after("overview")


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Everything of one unit, and of this process's memory; for htmx only what changes by itself."""
    actor, now, state = actor_of(request), timezone.now(), process_state()
    seen = look(actor, now)
    context = {
        "section": "overview",
        "create": {"label": "Add gateway", "url": reverse("page-gateways-new")},
        "sentences": gateway_sentences(seen.gateways) + state_sentences(state),
        "tally": _tally(seen.counts),
        "charts": charts_of(seen.minutes, now),
        "figures": figures_of(seen.minutes),
        "calls": [_call(call) for call in seen.calls],
        "changes": [row(entry) for entry in seen.changes],
        "gauges": gauges(state),
        "process": state["process"],
        "newcomer": not seen.calls and wants_start(request),
        "snippets": snippets(f"{settings.PUBLIC_URL}/mcp", "poolgate", CLIENTS_SHOWN),
    }
    template = "overview.html#live" if request.headers.get("HX-Request") else "overview.html"
    response = render_page(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    if seen.calls and wants_start(request):
        forget_start(response)
    return response


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen colours in a cookie; the next page has them from its first byte."""
    chosen = request.POST.get("theme", "")
    response = redirect_after(safe_target(request.POST.get("next", "")) or "overview")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=YEAR_S, httponly=True, samesite="Lax")
    return response


def gateway_sentences(gateways: Sequence[Item]) -> list[Plain]:
    """How the gateways are: those that answer counted, those that do not by name with the cause."""
    where = reverse("page-gateways")
    if not gateways:
        return [
            _sentence("No gateway is switched on. Add one to offer its tools.", "off", reverse("page-gateways-new"))
        ]
    states = [(gateway, gateway_state(gateway)) for gateway in gateways]
    well = sum(state["tone"] == "ok" for _gateway, state in states)
    sentences = []
    if well:
        sentences.append(_sentence(f"{counted(well, 'gateway')} answered when last asked", "ok", where))
    others = [(gateway, state) for gateway, state in states if state["tone"] != "ok"]
    sentences += [_about(gateway, state) for gateway, state in others[:NAMED_AT_MOST]]
    if len(others) > NAMED_AT_MOST:
        sentences.append(_sentence(f"{len(others) - NAMED_AT_MOST} more gateways need a look", "warn", where))
    return sentences


def _about(gateway: Item, state: Item) -> Plain:
    name, url = gateway["name"], reverse("page-gateways-item", args=[gateway["id"]])
    if state["tone"] == "busy":
        progress = f", {gateway['syncDone']} of {gateway['syncTotal']}" if gateway["syncTotal"] else ""
        words = "is being refreshed" if gateway["lastRefreshAt"] else "is being registered"
        return _sentence(f"{name} {words}", "warn", url, aside=f"{gateway['syncStep'] or 'Waiting'}{progress}")
    cause = (gateway["statusMessage"] or "")[:160]
    if state["word"] == "Failed":
        return _sentence(f"{name} could not be registered", "bad", url, aside=cause)
    if gateway["status"] == "unconnected":
        return _sentence(f"{name} waits for somebody to connect", "warn", url)
    return _sentence(f"{name} cannot be reached", "bad", url, since=gateway["lastSeen"], aside=cause)


def state_sentences(state: Item) -> list[Plain]:
    """What this process has to complain about."""
    sentences = []
    errors = state["database"]["pool"].get("requests_errors", 0)
    if errors:
        words = "request was" if errors == 1 else "requests were"
        sentences.append(_sentence(f"{errors} {words} refused because every database connection was in use", "warn"))
    if state["snapshot"]["loaded"] and not state["snapshot"]["listening"]:
        sentences.append(_sentence("Changes reach clients with a delay of some seconds: the listener is down", "warn"))
    if state["recorder"]["dropped"]:
        sentences.append(_sentence(f"{state['recorder']['dropped']:,} calls were too many to be recorded", "warn"))
    return sentences


def gauges(state: Item) -> list[Plain]:
    """The two pools of this process: how full they are, and who waits."""
    pool, upstream = state["database"]["pool"], state["upstream"]
    result = []
    if pool:
        size, free = pool.get("pool_size", 0), pool.get("pool_available", 0)
        note = f"{size} open, {pool.get('requests_waiting', 0)} waiting, {pool.get('requests_num', 0):,} borrowed"
        result.append(_gauge("Database connections", size - free, pool.get("pool_max", 0), note))
    connections = upstream["connections"]
    note = f"{connections['idle']} at rest, {upstream['waiting']} waiting, {upstream['requests_total']:,} requests"
    limit = upstream["limits"]["max_connections"]
    return [*result, _gauge("Upstream connections", connections["in_use"], limit, note)]


def _gauge(label: str, used: int, limit: int, note: str) -> Plain:
    most = max(limit, 1)
    words = f"{used} of {limit} in use"
    return {"label": label, "value": used, "max": most, "percent": used * 100 // most, "words": words, "note": note}


def _tally(numbers: Mapping[str, Mapping[str, int]]) -> list[Plain]:
    return [
        {
            "label": kind.singular if numbers[kind.slug]["enabled"] == 1 else kind.slug,
            "enabled": numbers[kind.slug]["enabled"],
            "off": numbers[kind.slug]["total"] - numbers[kind.slug]["enabled"],
            "url": reverse(f"page-{kind.slug}"),
        }
        for kind in KINDS
    ]


def _call(call: Item) -> Plain:
    outcome = call["outcome"]
    tones = {"ok": "ok", "tool_error": "warn", "client_left": "off", "cancelled": "off"}
    return {
        "name": call["tool_name"] or "(unnamed)",
        "url": reverse("page-tools-item", args=[call["tool_id"].hex]) if call["tool_id"] else "",
        "outcome": outcome.replace("_", " "),
        "tone": tones.get(outcome, "bad"),
        "at": call["at"],
        "duration_ms": call["duration_ms"],
        "upstream_ms": call["upstream_ms"],
    }


def _sentence(text: str, tone: str, url: str = "", *, since: Any = None, aside: str = "") -> Plain:
    return {"text": text, "tone": tone, "url": url, "since": since, "aside": aside}
