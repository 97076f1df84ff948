"""The pages of resources."""

import base64
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import QueryDict

from auth_app.actor import Actor
from gatewaysite.controls import Field, Texts, control
from gatewaysite.validation import bad_field, plain_text
from proxy_app.content import work
from proxy_app.content.shown import content_parts
from proxy_app.content.stored import CONTENT_LIMIT_BYTES, MIME_TYPE
from proxy_app.registry.dependents import servers_with
from proxy_app.registry.page import Files, Filling, KindPage
from proxy_app.registry.pieces import Plain, fact, gateway_link, pretty_unless_empty

Item = Mapping[str, Any]

# Longer text is not put into a form, nor onto a page.
EDITED_AT_MOST_BYTES = 64 * 1024


def fields(filling: Filling) -> list[Field]:
    texts, item = filling.texts, filling.item
    named = [
        control("name", "Name", texts, required=True),
        control("description", "Description", texts, "long"),
    ]
    if item and item["gatewayId"]:
        return named
    here = texts if filling.post or item is None else {**texts, "content": _text_of(item)}
    keeps = "Left empty, it stays as it is. " if item else ""
    return [
        *named,
        control("uri", "URI", texts, required=True, placeholder="file:///notes.txt",
                help="What clients ask for. With {variables} in it, it is a template, and they are filled in below."),
        control("mime_type", "Type", texts, placeholder="text/plain"),
        control("content", "Content", here, "lines", help=f"{keeps}Text of any length that fits a request."),
        control("file", "Or a file", {}, "file",
                help=f"In place of the text; at most {CONTENT_LIMIT_BYTES // 1024 // 1024} MiB."),
    ]  # fmt: skip


def _text_of(item: Item) -> str:
    """What it says, where that can be edited. Runs a unit of its own."""
    stored = work.load_resource(UUID(item["id"])) if (item["size"] or 0) <= EDITED_AT_MOST_BYTES else None
    return stored.content.body.decode() if stored and stored.content.is_text else ""


def body(texts: Texts, post: QueryDict) -> Plain:
    """A form of a gateway's resource has none of these."""
    if "uri" not in texts:
        return {}
    uri, content = texts["uri"], str(post.get("content", "")).replace("\r\n", "\n")
    said: Plain = {"uri": uri, "uri_template": uri if "{" in uri else None}
    if mime_type := texts.get("mime_type"):
        said["mime_type"] = mime_type
    return said | ({"content": content} if content else {})


def uploads(files: Files) -> Plain:
    """A file in place of the text. What calls itself text and is, is kept as text."""
    file = files.get("file")
    if file is None:
        return {}
    if file.size > CONTENT_LIMIT_BYTES:
        raise bad_field("file", f"A file has at most {CONTENT_LIMIT_BYTES} bytes")
    found, type_ = file.read(), file.content_type or ""
    said: Plain = {"content": None, "blob": base64.b64encode(found).decode()}
    if type_.startswith("text/") or type_ in {"application/json", "application/xml"}:
        said = {"content": text, "blob": None} if (text := _as_text(found)) is not None else said
    return said | ({"mime_type": type_} if MIME_TYPE.fullmatch(type_) else {})


def _as_text(found: bytes) -> str | None:
    try:
        return plain_text(found.decode())
    except ValueError:  # PydanticCustomError is one
        return None


def facts(item: Item) -> list[Plain]:
    return [
        fact("Gateway", gateway_link(item), "link"),
        fact("URI", item["uri"], "code"),
        fact("Template", item["uriTemplate"], "code"),
        fact("Type", item["mimeType"], "code"),
        fact("Size", f"{item['size']:,} bytes" if item["size"] is not None else None),
    ]


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    context = reading_context(item, {})
    if item["gatewayId"] is None and item["uriTemplate"] is None and (item["size"] or 0) <= EDITED_AT_MOST_BYTES:
        stored = work.load_resource(UUID(item["id"]))
        said = {"mimeType": item["mimeType"], **stored.content.wire()} if stored else {}
        context["parts"] = content_parts(said)
    return context


def reading_context(
    item: Item, texts: Texts, errors: list[dict[str, str]] | None = None, result: Plain | None = None
) -> Plain:
    """The form that reads the resource, and what came back."""
    address = [
        control("uri", "URI", {"uri": item["uriTemplate"], **texts}, required=True,
                help=f"One that {item['uriTemplate']} stands for."),
    ] if item["uriTemplate"] else []  # fmt: skip
    return {
        "part": "resources/detail.html",
        "address": address,
        "errors": errors or [],
        "result": result,
        "callable": item["enabled"],
        "why_not_callable": "" if item["enabled"] else "This resource is switched off.",
        "annotations": pretty_unless_empty(item["annotations"]),
    }


PAGE = KindPage(
    fields=fields,
    shown={"name": "name", "uri": "uri", "mime_type": "mimeType"},
    body=body,
    uploads=uploads,
    same_as={"blob": "file", "uri_template": "uri"},
    facts=facts,
    detail=detail,
    goes_along=servers_with,
    depends=servers_with,
)
