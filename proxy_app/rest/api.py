"""JSON endpoints about tools of REST APIs: what a call would send, and making tools of an OpenAPI document."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.policy import require_alone, require_create
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import bad_field, validated
from proxy_app.rest.openapi import importing
from proxy_app.rest.openapi.bodies import OpenApiImport, SchemasBody, SchemasData
from proxy_app.rest.openapi.document import parsed
from proxy_app.rest.openapi.operations import one_of
from proxy_app.rest.openapi.schemas import NotThere
from proxy_app.rest.openapi.security import base_of
from proxy_app.rest.preview.showing import PreviewBody, preview_of
from proxy_app.rest.preview.work import tool_now


def preview(request: HttpRequest, key: str) -> HttpResponse:
    """What a call would be, without making it."""

    def tell(actor: Actor) -> HttpResponse:
        body = validated(PreviewBody, json_body(request))
        return json_response(preview_of(tool_now(actor, key), body.arguments))

    return answer(request, {"POST": tell})


def import_openapi(request: HttpRequest) -> HttpResponse:
    """The tools a document would become; with `apply`, those tools made."""

    def take(actor: Actor) -> HttpResponse:
        asked = validated(OpenApiImport, json_body(request))
        require_create(actor, "tools", visibility=asked.visibility, team_id=asked.team_id)
        reading = importing.read(asked)
        if not asked.apply:
            return json_response(importing.told(reading, actor))
        return json_response(importing.applied(reading, actor, asked.operations, stamp_of(request, actor)))

    return answer(request, {"POST": take})


def schemas(request: HttpRequest) -> HttpResponse:
    """The schemas of one operation, by the address it is called at."""

    def derive(actor: Actor) -> HttpResponse:
        require_alone(actor, "tools.create")
        asked = validated(SchemasBody, json_body(request))
        return json_response(_schemas(asked))

    return answer(request, {"POST": derive})


def _schemas(asked: SchemasBody) -> SchemasData:
    try:
        where = urlsplit(asked.url)
    except ValueError as error:
        raise bad_field("url", "This is no address") from error
    spec_url = asked.openapi_url or f"{where.scheme}://{where.netloc}/openapi.json"
    document = parsed(importing.fetched(spec_url, "openapi_url" if asked.openapi_url else "url"), "openapi_url")
    base_path = urlsplit(base_of(document, spec_url)).path
    path = where.path.removeprefix(base_path) if base_path else where.path
    try:
        arguments, output, _problems = one_of(document, path or "/", asked.request_type)
    except NotThere as error:
        raise bad_field("url", str(error)) from error
    return {
        "success": True,
        "message": "Schemas made of the OpenAPI document",
        "input_schema": arguments,
        "output_schema": output,
        "spec_url": spec_url,
    }
