"""JSON endpoints of what resources say, and of what prompts make of arguments."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import validated
from proxy_app.content import work
from proxy_app.content.bodies import Arguments, ContentParameters
from proxy_app.content.reading import get_messages, read_content
from proxy_app.registry import api
from proxy_app.registry.kind import PlainRow
from proxy_app.registry.kinds import PROMPTS, RESOURCES
from proxy_app.registry.query import single_values
from proxy_app.registry.work import read_item, update_item


def content(request: HttpRequest, key: str) -> HttpResponse:
    """What a resource says."""

    def read(actor: Actor) -> HttpResponse:
        uri = validated(ContentParameters, single_values(request.GET), where="query").uri
        item = read_item(RESOURCES, actor, key)
        found = read_content(actor, item, uri)
        return json_response(_contents(item, found) | {"mime_type": found.get("mimeType")})

    return answer(request, {"GET": read})


def tested(request: HttpRequest, key: str) -> HttpResponse:
    """The same, found by its URI."""

    def read(actor: Actor) -> HttpResponse:
        item = work.find_by_uri(actor, key)
        found = read_content(actor, item, key)
        return json_response({"content": _contents(item, found) | {"mimeType": found.get("mimeType"), "_meta": None}})

    return answer(request, {"GET": read})


def _contents(item: PlainRow, found: dict[str, Any]) -> dict[str, Any]:
    members = {name: found.get(name) for name in ("uri", "text", "blob")}
    return {"type": "resource", "id": item["id"], **members}


def templates(request: HttpRequest) -> HttpResponse:
    """The resources that are templates."""

    def list_them(actor: Actor) -> HttpResponse:
        members = ("id", "uriTemplate", "name", "description", "mimeType", "annotations", "_meta")
        found = [{name: item[name] for name in members} for item in work.list_templates(actor)]
        return json_response({"_meta": {}, "next_cursor": None, "resource_templates": found})

    return answer(request, {"GET": list_them})


def prompt(request: HttpRequest, key: str) -> HttpResponse:
    """A prompt like every other item; posted to, it is rendered."""

    def render(actor: Actor) -> HttpResponse:
        arguments = validated(Arguments, json_body(request)).root
        return json_response(get_messages(actor, read_item(PROMPTS, actor, key), arguments))

    return api.item(request, PROMPTS, key, more={"POST": render})


def versions(request: HttpRequest, key: str) -> HttpResponse:
    """What a prompt's template was, newest first."""
    return answer(request, {"GET": lambda actor: json_response({"versions": work.list_versions(actor, key)})})


def restore(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Make an earlier template the prompt's again, as a new version."""

    def bring_back(actor: Actor) -> HttpResponse:
        values = work.read_version(actor, key, number)
        return json_response(update_item(PROMPTS, actor, key, values, stamp_of(request, actor)))

    return answer(request, {"POST": bring_back})
