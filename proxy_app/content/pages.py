"""Reading a resource and rendering a prompt from their pages, and bringing a template back."""

import time
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from auth_app.current import actor_of
from auth_app.stamps import stamp_of
from gatewaysite.errors import BadInput, Conflict, GatewayError
from gatewaysite.responses import redirect_after, render_page
from proxy_app.content import work
from proxy_app.content.reading import get_messages, read_content
from proxy_app.content.shown import Plain, content_parts, message_parts, result
from proxy_app.registry.forms import posted_texts
from proxy_app.registry.kind_pages.prompts import GIVEN, rendering_context
from proxy_app.registry.kind_pages.resources import reading_context
from proxy_app.registry.kinds import PROMPTS, RESOURCES
from proxy_app.registry.pages import item_context, item_url
from proxy_app.registry.work import read_item, update_item
from proxy_app.upstream.errors import UpstreamError

type Errors = list[dict[str, str]]


@require_http_methods(["GET", "HEAD", "POST"])
def read(request: HttpRequest, key: str) -> HttpResponse:
    """Read a resource, and show what it says under the form."""
    actor = actor_of(request)
    item = read_item(RESOURCES, actor, key)
    if request.method != "POST":
        return redirect_after(item_url(RESOURCES, item["id"]))
    texts = posted_texts(request.POST)
    uri = texts.get("uri") if item["uriTemplate"] else None
    found, errors = _tried(lambda: content_parts(read_content(actor, item, uri)), "")
    context = item_context(RESOURCES, actor, item) | reading_context(item, texts, errors, found)
    return render_page(request, "registry/detail.html", context, status=422 if errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def render(request: HttpRequest, key: str) -> HttpResponse:
    """Render a prompt with the arguments of its form, and show the messages under it."""
    actor = actor_of(request)
    item = read_item(PROMPTS, actor, key)
    if request.method != "POST":
        return redirect_after(item_url(PROMPTS, item["id"]))
    texts = posted_texts(request.POST)
    arguments = {
        name.removeprefix(GIVEN): text.replace("\r\n", "\n")
        for name, text in texts.items()
        if name.startswith(GIVEN) and text
    }
    found, errors = _tried(lambda: message_parts(get_messages(actor, item, arguments)["messages"]), GIVEN)
    context = item_context(PROMPTS, actor, item) | rendering_context(actor, item, texts, errors, found)
    return render_page(request, "registry/detail.html", context, status=422 if errors else 200)


@require_POST
def restore(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Make an earlier template the prompt's again."""
    actor = actor_of(request)
    try:
        values = work.read_version(actor, key, number)
        item = update_item(PROMPTS, actor, key, values, stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        messages.error(request, error.message, "bad")
        return redirect_after(item_url(PROMPTS, key))
    messages.success(request, f"The template of version {number} is the prompt's again.", "ok")
    return redirect_after(item_url(PROMPTS, item["id"]))


def _tried(ask: Callable[[], list[Plain]], prefix: str) -> tuple[Plain | None, Errors]:
    """The box with what came back; or what is wrong with the form, by its controls."""
    began = time.perf_counter()
    try:
        parts, error = ask(), ""
    except BadInput as wrong:
        return None, _complaints(wrong, prefix)
    except (UpstreamError, Conflict) as failed:
        parts, error = [], failed.message
    return result(parts, (time.perf_counter() - began) * 1000, error), []


def _complaints(error: GatewayError, prefix: str) -> Errors:
    fields = error.fields if isinstance(error, BadInput) else ()
    if not fields:
        return [{"id": "", "label": "", "message": error.message}]
    return [{"id": f"{prefix}{one.loc[-1]}", "label": str(one.loc[-1]), "message": f"{one.msg}."} for one in fields]
