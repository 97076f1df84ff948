"""The page that makes tools of an OpenAPI document: asks for it, lets operations be chosen, tells the result."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.forms import texts_of, with_errors
from auth_app.policy import require_create
from auth_app.stamps import stamp_of
from auth_app.teams.work import teams_to_choose
from gatewaysite.controls import Field, Texts, control
from gatewaysite.errors import BadInput, Conflict
from gatewaysite.responses import render_page
from gatewaysite.validation import bad_field, validated
from proxy_app.registry.access import scope_of
from proxy_app.registry.credential_form import BLANK_CREDENTIAL, credential_body, credential_fields
from proxy_app.registry.forms import scope_fields
from proxy_app.rest.openapi import importing
from proxy_app.rest.openapi.bodies import OpenApiData, OpenApiImport
from proxy_app.upstream.errors import UpstreamError

Plain = dict[str, Any]

SOURCE = ("document", "url", "base_url", "prefix")
STATUSES = {
    "new": ("new", "off"), "imported": ("there already", "ok"), "impossible": ("cannot be imported", "bad"),
    "created": ("created", "ok"), "updated": ("updated", "ok"), "unchanged": ("unchanged", "off"),
    "failed": ("failed", "bad"), "left_out": ("left out", "off"),
}  # fmt: skip
CHANGED = "The document has changed since you looked at it. Look again at what you choose."


@require_http_methods(["GET", "HEAD", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """The empty form; what would become of the document in it; or, of the operations that were chosen, what did."""
    actor, texts = actor_of(request), texts_of(request)
    if request.method != "POST":
        return _ask(request, {})
    chosen = request.POST.getlist("operations") if "apply" in request.POST else None
    try:
        asked = validated(OpenApiImport, _body(actor, texts, chosen))
        require_create(actor, "tools", visibility=asked.visibility, team_id=asked.team_id)
        reading = importing.read(asked)
    except UpstreamError as error:
        return _ask(request, texts, bad_field("url", error.message))
    except BadInput as error:
        return _ask(request, texts, error) if chosen is None else _again(request, actor, texts, error)
    if chosen is None:
        return _choose(request, actor, texts, importing.told(reading, actor))
    if texts.get("digest") != reading.digest:
        return _choose(request, actor, texts, importing.told(reading, actor), BadInput(CHANGED))
    try:
        done = importing.applied(reading, actor, chosen, stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        return _choose(request, actor, texts, importing.told(reading, actor), error)
    return render_page(request, "rest/imported.html", {"section": "tools", **_shown(done)})


def _body(actor: Actor, texts: Texts, chosen: list[str] | None) -> Plain:
    """What a JSON client would send. Until something is chosen, the tools are for whom the form will offer first."""
    visibility = texts.get("visibility") or _first_scope(actor)
    return {
        **{name: texts[name] for name in SOURCE if texts.get(name)},
        "visibility": visibility,
        "team_id": (texts.get("team_id") or None) if visibility == "team" else None,
        "tags": [tag for part in texts.get("tags", "").split(",") if (tag := part.strip())],
        "with_output_schemas": "with_output_schemas" in texts,
        **(credential_body(texts) if chosen is not None else {}),
    }


def _first_scope(actor: Actor) -> str:
    return "public" if scope_of(actor, "tools", []).may_publish else "private"


def _ask(request: HttpRequest, texts: Texts, error: BadInput | None = None) -> HttpResponse:
    """The first form, with what was wrong with it."""
    fields = [
        control("url", "Address", texts, placeholder="https://api.example.com/openapi.json",
                help="Where the document is fetched from."),
        control("document", "Or the document itself", texts, "json", help="OpenAPI 3.0 or 3.1, in JSON or YAML."),
        control("base_url", "Where the API is", texts, placeholder="https://api.example.com/v1",
                help="Empty: the first server that the document names."),
        control("prefix", "Names begin with", texts, placeholder="petstore"),
    ]  # fmt: skip
    fields, errors = with_errors(fields, error) if error else (fields, [])
    context = {"section": "tools", "fields": fields, "errors": errors, "tools_url": reverse("page-tools")}
    return render_page(request, "rest/import.html", context, status=error.status if error else 200)


def _again(request: HttpRequest, actor: Actor, texts: Texts, error: BadInput) -> HttpResponse:
    """The second form as it was, for what is wrong in it; without operations to choose from, the first."""
    try:
        source = {name: texts[name] for name in SOURCE if name in texts}
        reading = importing.read(validated(OpenApiImport, _body(actor, source, None)))
    except (BadInput, UpstreamError):
        return _ask(request, texts, error)
    return _choose(request, actor, texts, importing.told(reading, actor), error)


def _choose(
    request: HttpRequest, actor: Actor, texts: Texts, found: OpenApiData, error: BadInput | Conflict | None = None
) -> HttpResponse:
    """The operations, with a box to tick for each that can be a tool, and whom the tools are for."""
    scope = scope_of(actor, "tools", teams_to_choose(actor, "tools"))
    blank = {"visibility": _first_scope(actor), **BLANK_CREDENTIAL, **found["credential"]}
    fields: list[Field] = [
        *credential_fields(blank | texts, None),
        *scope_fields(blank | texts, scope),
        control("with_output_schemas", "Promise the answers' schemas", texts, "check",
                help="Then an answer that is otherwise is an error. Documents are often wrong about answers."),
    ]  # fmt: skip
    fields, errors = with_errors(fields, error) if error else (fields, [])
    ticked = set(request.POST.getlist("operations")) if "apply" in request.POST else None
    context = {
        "section": "tools",
        "fields": fields,
        "errors": errors,
        "kept": [{"name": name, "value": texts[name]} for name in SOURCE if texts.get(name)],
        "tools_url": reverse("page-tools"),
        **_shown(found, ticked),
    }
    return render_page(request, "rest/choose.html", context, status=error.status if error else 200)


def _shown(found: OpenApiData, ticked: set[str] | None = None) -> Plain:
    """The document and its operations as a page shows them."""
    rows = [
        {
            **one,
            "description": one["description"] if one["description"] != f"{one['method']} {one['path']}" else "",
            "id": f"operation-{number}",
            "word": STATUSES[one["status"]][0],
            "tone": STATUSES[one["status"]][1],
            "ticked": one["importable"] and (ticked is None or one["operation"] in ticked),
            "url": reverse("page-tools-item", args=[one["toolId"]]) if one["toolId"] else "",
        }
        for number, one in enumerate(found["operations"])
    ]
    counts = [{"word": STATUSES[status][0], "count": count} for status, count in found["counts"].items()]
    return {
        "document": {name: found[name] for name in ("title", "version", "baseUrl", "digest", "problems")},
        "rows": rows,
        "counts": counts,
    }
