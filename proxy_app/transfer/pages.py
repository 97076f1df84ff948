"""The pages of export and import: what there is as a file, a document and what it would change, and applying it."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from auth_app.current import actor_of
from auth_app.forms import texts_of
from auth_app.stamps import stamp_of
from gatewaysite.controls import Field, Texts, choices, control
from gatewaysite.errors import BadInput, Conflict, TooLarge
from gatewaysite.responses import dump_json, redirect_after, render_page, stream_response
from proxy_app.transfer import schema, work
from proxy_app.transfer.document import as_yaml, parse
from proxy_app.transfer.exporting import Choice, export_document
from proxy_app.transfer.history import work as history
from proxy_app.transfer.importing import apply_plan
from proxy_app.transfer.reading import read_document
from proxy_app.transfer.sections import BY_NAME, SECTIONS
from proxy_app.transfer.shapes import STRATEGIES
from proxy_app.transfer.showing import item_context, row_of

PIECE = 64 * 1024
LABELS = {"ssoProviders": "Sign-in providers", "issuers": "Trusted issuers"}
STRATEGY_WORDS = (
    ("update", "Change it to what the document says"),
    ("skip", "Leave it as it is"),
    ("rename", "Leave it, and import the new one under another name"),
    ("fail", "Import nothing"),
)

Plain = dict[str, Any]


@require_safe
def transfer(request: HttpRequest) -> HttpResponse:
    work.require_export(actor_of(request))
    return _page(request, {"strategy": "update"})


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """The document as a file."""
    actor = actor_of(request)
    kind = "json" if request.GET.get("format") == "json" else "yaml"
    types = tuple(name for name in request.GET.getlist("parts") if name in BY_NAME)
    choice = Choice(
        types=types or tuple(BY_NAME),
        tags=tuple(tag for part in request.GET.get("tags", "").split(",") if (tag := part.strip())),
        include_inactive="active_only" not in request.GET,
        include_ids="ids" in request.GET,
    )
    document = export_document(actor, choice)
    counts = {name: len(document[name]) for name in choice.types}
    history.note_export(actor, stamp_of(request, actor, via="ui"), counts)
    text = dump_json(document) if kind == "json" else as_yaml(document, schema.schema_url()).encode()
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    response = stream_response(iter(pieces), content_type=f"application/{kind}")
    response["Content-Disposition"] = f'attachment; filename="poolgate-{document["exportedAt"][:10]}.{kind}"'
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def plan(request: HttpRequest) -> HttpResponse:
    """What the document would change; on a page of its own, where it is applied."""
    actor = actor_of(request)
    work.require_import(actor)
    texts = texts_of(request)
    try:
        text = _text(request, texts)
        strategy = texts.get("strategy", "")
        if strategy not in STRATEGIES:
            raise BadInput(f"strategy must be one of {', '.join(STRATEGIES)}")
        asked = read_document(parse(text), strategy=strategy, prune="prune" in request.POST)
        stamp = stamp_of(request, actor, via="ui")
        key = history.keep_plan(actor, text, asked, work.plan_import(actor, asked, stamp), stamp)
    except (BadInput, Conflict, TooLarge) as error:
        return _page(request, texts, error)
    return redirect_after("page-transfer-item", key)


@require_safe
def item(request: HttpRequest, key: str) -> HttpResponse:
    """A plan, or what became of it."""
    found = history.read_transfer(actor_of(request), key)
    context = {"section": "transfer", "url": reverse("page-transfer-item", args=[found["id"].hex])}
    context |= item_context(found, request.GET.get("show", ""), request.path)
    return render_page(request, "transfer/item.html", context)


@require_POST
def apply(request: HttpRequest, key: str) -> HttpResponse:
    """What the page of the plan shows, and nothing else."""
    actor = actor_of(request)
    try:
        apply_plan(actor, key)
    except (BadInput, Conflict) as error:
        messages.error(request, error.message, "bad")
    return redirect_after("page-transfer-item", key)


@require_safe
def progress(request: HttpRequest, key: str) -> HttpResponse:
    """How far a job is. When it is done, the page around it reloads."""
    found = history.read_transfer(actor_of(request), key)
    url = reverse("page-transfer-item", args=[found["id"].hex])
    response = render_page(request, "transfer/progress.html", {"row": row_of(found), "url": url})
    if not row_of(found)["open"]:
        response["HX-Refresh"] = "true"
    return response


def _page(request: HttpRequest, texts: Texts, error: BadInput | Conflict | TooLarge | None = None) -> HttpResponse:
    actor = actor_of(request)
    fields, summary = _fields(texts), list[Plain]()
    if isinstance(error, BadInput) and error.fields:
        summary = [
            {"id": "", "label": "", "message": f"{'.'.join(map(str, one.loc[1:]))}: {one.msg}"} for one in error.fields
        ]
    elif error:
        summary = [{"id": "", "label": "", "message": error.message}]
    context = {
        "section": "transfer",
        "parts": [{"name": one.name, "label": LABELS.get(one.name, one.name.capitalize())} for one in SECTIONS],
        "fields": fields,
        "errors": summary,
        "rows": [row_of(row) for row in history.list_transfers(actor)] if work.may_import(actor) else [],
        "may_import": work.may_import(actor),
        "schema": schema.schema_url(),
    }
    return render_page(request, "transfer/transfer.html", context, status=422 if error else 200)


def _fields(texts: Texts) -> list[Field]:
    return [
        control("text", "Or paste it", texts, "json", help="YAML or JSON; ours, or an export of ContextForge."),
        control("strategy", "What is there already", texts, "select", required=True, choices=choices(STRATEGY_WORDS)),
        control("prune", "Delete what the document does not name", texts, "check",
                help="Of the parts it has. What gateways offer stays."),
    ]  # fmt: skip


def _text(request: HttpRequest, texts: Mapping[str, str]) -> str:
    uploaded = request.FILES.get("document")
    if uploaded is None:
        if not texts.get("text"):
            raise BadInput("Choose a file, or paste a document")
        return texts["text"]
    try:
        return str(uploaded.read(), "utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("The file is not text in UTF-8") from error
