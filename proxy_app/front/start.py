"""The way from nothing to a working call, in five steps; each is done when what it is about is really there."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from auth_app.current import actor_of
from gatewaysite.responses import redirect_after, render_page
from proxy_app.front.work import Standing, standing_of
from proxy_app.servers.clients import snippets

COOKIE = "start"
YEAR_S = 365 * 24 * 3600

Plain = dict[str, Any]


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """All steps; for htmx only those, which ask again until the call has arrived."""
    standing = standing_of(actor_of(request))
    steps = steps_of(standing)
    finished = all(step["done"] for step in steps)
    slug, name = standing.server or ("", "poolgate")
    url = f"{settings.PUBLIC_URL}/servers/{slug}/mcp" if slug else f"{settings.PUBLIC_URL}/mcp"
    context = {
        "section": "start",
        "steps": steps,
        "finished": finished,
        "done": sum(step["done"] for step in steps),
        "snippets": snippets(url, slug or name),
        "server": name if slug else "",
        "offered": wants_start(request),
    }
    template = "start/start.html#steps" if request.headers.get("HX-Request") else "start/start.html"
    response = render_page(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    if finished and wants_start(request):
        forget_start(response)
    return response


@require_POST
def done(request: HttpRequest) -> HttpResponse:
    """Somebody who needs no steps. The page stays where it is."""
    actor_of(request)
    return forget_start(redirect_after("overview"))


def wants_start(request: HttpRequest) -> bool:
    """Whether the rail of this browser still leads there."""
    return COOKIE not in request.COOKIES


def forget_start(response: HttpResponse) -> HttpResponse:
    response.set_cookie(COOKIE, "done", max_age=YEAR_S, httponly=True, samesite="Lax")
    return response


def steps_of(standing: Standing) -> list[Plain]:
    """The first that is not done is the next one."""
    looks = [("Look at your gateways", "page-gateways")] if standing.gateway == "pending" else []
    steps = [
        _step(
            "gateway", "Register a gateway", standing.gateway == "active",
            "It is being registered, waits for you, or failed: its page says which." if looks
            else "An MCP server whose tools you want. One of the catalogue will do for a start.",
            [*looks, ("Choose one from the catalogue", "page-catalogue"), ("Add one by its URL", "page-gateways-new")],
        ),
        _step(
            "server", "Compose a server", standing.server is not None,
            "Choose the tools that a client is to see; it gets an address of its own.",
            [("Add server", "page-servers-new")],
        ),
        _step(
            "token", "Make a token", standing.token,
            "It lets the client in as you. It is shown once; keep it where the client finds it.",
            [("New token", "page-tokens-new")],
        ),
        _step(
            "client", "Connect a client", standing.used,
            "Paste one of these, with the token in GATEWAY_TOKEN.", [],
        ),
        _step(
            "call", "See a call arrive", standing.called,
            "Let the client use one of the tools. This page notices by itself.", [],
        ),
    ]  # fmt: skip
    upcoming = next((step for step in steps if not step["done"]), None)
    return [step | {"next": step is upcoming} for step in steps]


def _step(key: str, title: str, done: bool, words: str, links: list[tuple[str, str]]) -> Plain:
    return {
        "key": key,
        "title": title,
        "done": done,
        "state": {"word": "Done", "tone": "ok"} if done else {"word": "To do", "tone": "off"},
        "words": words,
        "links": [{"label": label, "url": reverse(route)} for label, route in links],
    }
