"""JSON endpoints of the registry, for every kind. Each calls one unit of work and answers with what it returned."""

from functools import cache
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, create_model

from auth_app.actor import Actor
from auth_app.endpoints import Handler, answer, json_body
from auth_app.stamps import stamp_of
from gatewaysite.errors import BadInput, FieldError
from gatewaysite.responses import json_response
from gatewaysite.validation import Body, validated, values_of
from proxy_app.registry import work
from proxy_app.registry.kind import Kind
from proxy_app.registry.query import from_api, single_values
from proxy_app.registry.validation import Visible
from proxy_app.registry.work import Listing


class StateParameters(BaseModel):
    """`activate` has to be said: a request without it would be a guess."""

    model_config = ConfigDict(extra="forbid")

    activate: bool = Field(description="true switches the item on, false off.")


def collection(request: HttpRequest, kind: Kind) -> HttpResponse:
    """The list, and adding to it."""

    def list_them(actor: Actor) -> HttpResponse:
        query = from_api(kind, request.GET)
        return _list(kind, work.list_items(kind, actor, query), wrapped=query.with_cursor)

    def add(actor: Actor) -> HttpResponse:
        values = _create_values(kind, request)
        return json_response(work.create_item(kind, actor, values, stamp_of(request, actor)), status=201)

    handlers: dict[str, Handler] = {"GET": list_them}
    if kind.create:
        handlers["POST"] = add
    return answer(request, handlers, otherwise=kind.why_not_created if request.method == "POST" else "")


def item(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """One item: read, changed, deleted."""

    def read(actor: Actor) -> HttpResponse:
        return json_response(work.read_item(kind, actor, key))

    def change(actor: Actor) -> HttpResponse:
        values = values_of(validated(kind.update, json_body(request)))
        return json_response(work.update_item(kind, actor, key, values, stamp_of(request, actor)))

    def delete(actor: Actor) -> HttpResponse:
        gone = work.delete_item(kind, actor, key, stamp_of(request, actor))
        return json_response({"status": "success", "message": f"{kind.title} {gone['id']} deleted"})

    return answer(request, {"GET": read, "PUT": change, "DELETE": delete})


def state(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """Switching on and off: what a person wants, whatever the far side does."""

    def switch(actor: Actor) -> HttpResponse:
        activate = validated(StateParameters, single_values(request.GET), where="query").activate
        changed = work.set_enabled(kind, actor, key, activate, stamp_of(request, actor))
        message = f"{kind.title} {changed['id']} {'activated' if activate else 'deactivated'}"
        return json_response({"status": "success", "message": message, kind.singular: changed})

    return answer(request, {"POST": switch})


def info(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """Where the existing system keeps the metadata of a resource; here the item itself has it."""
    return answer(request, {"GET": lambda actor: json_response(work.read_item(kind, actor, key))})


def members(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """One kind of items of one server."""

    def list_them(actor: Actor) -> HttpResponse:
        query = from_api(kind, request.GET)
        return _list(kind, work.list_members(kind, actor, key, query), wrapped=query.with_cursor)

    return answer(request, {"GET": list_them})


def refresh(request: HttpRequest, key: str) -> HttpResponse:
    """Ask a gateway's upstream again what it offers: 202, and the row tells how far it is."""

    def enqueue(actor: Actor) -> HttpResponse:
        return json_response(work.refresh_gateway(actor, key, stamp_of(request, actor)), status=202)

    return answer(request, {"POST": enqueue})


def _list(kind: Kind, listing: Listing, *, wrapped: bool) -> HttpResponse:
    if wrapped:
        return json_response({kind.slug: listing.items, "nextCursor": listing.next_cursor})
    return json_response(listing.items)


@cache
def create_body(kind: Kind) -> type[BaseModel]:
    """What is posted to a collection: the item, in most kinds wrapped with its scope beside it."""
    if kind.create is None:
        raise ValueError(f"{kind.slug} are not created by hand")
    if not kind.wrapped:
        return kind.create
    fields: dict[str, Any] = {
        kind.singular: (kind.create, ...),
        "team_id": (UUID | None, None),
        "visibility": (Visible | None, None),
    }
    return create_model(f"{kind.title}CreateBody", __base__=Body, **fields)


def _create_values(kind: Kind, request: HttpRequest) -> dict[str, Any]:
    body = validated(create_body(kind), json_body(request))
    if not kind.wrapped:
        return values_of(body)
    values = values_of(getattr(body, kind.singular))
    for name in ("visibility", "team_id"):
        outside = getattr(body, name)
        if outside is None:
            continue
        if values.setdefault(name, outside) != outside:
            message = f"Given twice, and differently, inside and outside of {kind.singular}"
            raise BadInput(fields=[FieldError(("body", name), message)])
    return values
