"""What a resource says and what a prompt makes of arguments, for JSON endpoints and pages: of our own from the
database, of a gateway's from its upstream. Knows no request."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from auth_app.actor import Actor
from gatewaysite.errors import BadInput, FieldError, NotFound
from gatewaysite.validation import bad_field
from proxy_app.content import work
from proxy_app.content.stored import CONTENT_LIMIT_BYTES, WrongArguments, check_arguments
from proxy_app.content.templating import TooLong, parse
from proxy_app.content.uris import fill, uri_template
from proxy_app.dataplane.read import PageReading, get_prompt_for_page, read_for_page
from proxy_app.registry.kind import PlainRow
from proxy_app.upstream.errors import UpstreamError


class UpstreamSaid(UpstreamError):
    """The upstream gave no answer that could be shown."""

    code, kind = "upstream_said", "protocol"


def read_content(actor: Actor, item: PlainRow, uri: str | None = None) -> dict[str, Any]:
    """The first of the contents of this resource, by MCP's names. Of a template `uri` says which is meant.

    Raises NotFound, BadInput about `uri`, and UpstreamError.
    """
    require_enabled("Resource", item)
    uri = _meant(item, uri)
    if item["gatewayId"] is None:
        return _own_content(item, uri)
    contents = _result(read_for_page(actor, UUID(item["id"]), uri)).get("contents")
    if not isinstance(contents, list) or not contents or not isinstance(contents[0], dict):
        raise UpstreamSaid("The upstream's answer has no contents.")
    found: dict[str, Any] = contents[0]
    return found


def get_messages(actor: Actor, item: PlainRow, arguments: Mapping[str, str]) -> dict[str, Any]:
    """`description` and `messages` of this prompt. Raises NotFound, BadInput about an argument, and UpstreamError."""
    require_enabled("Prompt", item)
    if item["gatewayId"] is None:
        return _own_messages(item, arguments)
    _require_arguments(item, arguments)
    result = _result(get_prompt_for_page(actor, UUID(item["id"]), arguments))
    messages = result.get("messages")
    if not isinstance(messages, list):
        raise UpstreamSaid("The upstream's answer has no messages.")
    return {"messages": messages, "description": result.get("description", item["description"])}


def _require_arguments(item: PlainRow, arguments: Mapping[str, str]) -> None:
    """What the upstream declared as required; whatever else there is to say of them it says itself."""
    for argument in json.loads(item["arguments"]):
        if argument.get("required") and not arguments.get(argument["name"]):
            raise bad_field(argument["name"], f"The argument {argument['name']} is required", "missing")


def require_enabled(title: str, item: PlainRow) -> None:
    if not item["enabled"]:
        raise NotFound(f"{title} not found: {item['id']} is switched off")


def _meant(item: PlainRow, uri: str | None) -> str:
    address: str = item["uri"]
    if item["uriTemplate"] is None:
        if uri not in {None, address}:
            raise BadInput(fields=[FieldError(("query", "uri"), f"This resource has the URI {address}")])
        return address
    template = uri_template(address)
    if uri is None or template is None or template.match(uri) is None:
        raise BadInput(fields=[FieldError(("query", "uri"), f"Which of {address}? Give a URI that it stands for")])
    return uri


def _own_content(item: PlainRow, uri: str) -> dict[str, Any]:
    stored = work.load_resource(UUID(item["id"]))
    if stored is None:
        raise NotFound(f"Resource not found: {item['id']}")
    members = stored.content.wire()
    template = uri_template(item["uri"]) if item["uriTemplate"] else None
    if template:
        said = fill(members["text"], template.match(uri) or {}, CONTENT_LIMIT_BYTES)
        if said is None:
            raise BadInput(f"With these variables the text is longer than {CONTENT_LIMIT_BYTES} bytes")
        members["text"] = said
    return {"uri": uri, "mimeType": item["mimeType"], **members}


def _own_messages(item: PlainRow, arguments: Mapping[str, str]) -> dict[str, Any]:
    stored = work.load_prompt(UUID(item["id"]))
    if stored is None:
        raise NotFound(f"Prompt not found: {item['id']}")
    try:
        check_arguments(stored.arguments, arguments)
        said = parse(stored.template).render(arguments)
    except WrongArguments as error:
        raise bad_field(error.name, str(error), "missing" if error.is_missing else "extra_forbidden") from error
    except TooLong as error:
        raise BadInput(str(error)) from error
    content = {"type": "text", "text": said, "annotations": None, "_meta": None}
    return {"messages": [{"role": "user", "content": content}], "description": stored.description}


def _result(reading: PageReading) -> dict[str, Any]:
    if reading.error is not None:
        raise UpstreamSaid(reading.error)
    return reading.result
