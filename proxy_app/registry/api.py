"""JSON endpoints of the registry, for every kind. Each calls one unit of work and answers with what it returned."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, create_model

from auth_app.actor import Actor
from auth_app.endpoints import Handler, answer, json_body
from auth_app.idempotency.keys import request_key
from auth_app.stamps import stamp_of
from gatewaysite.errors import BadInput, FieldError, GatewayError
from gatewaysite.etags import expected_versions
from gatewaysite.responses import json_response, tagged_response
from gatewaysite.signals import turned_away
from gatewaysite.validation import Body, validated, values_of
from proxy_app.registry import work
from proxy_app.registry.bulk import BulkRequest, run_bulk
from proxy_app.registry.kind import Kind, PlainRow
from proxy_app.registry.query import ListQuery, from_api, from_ids, single_values
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
        return _list(request, kind, work.list_items(kind, actor, query), query)

    def add(actor: Actor) -> HttpResponse:
        values, asked = _create_values(kind, request), request_key(request, actor, kind.slug)
        made = work.create_item(kind, actor, values, stamp_of(request, actor), asked=asked)
        return _item(request, made, status=201)

    return answer(request, {"GET": list_them, "POST": add})


def ids(request: HttpRequest, kind: Kind) -> HttpResponse:
    """What a list has, as ids alone: for those who choose all of it."""

    def list_them(actor: Actor) -> HttpResponse:
        found, is_all = work.list_ids(kind, actor, from_ids(kind, request.GET))
        return json_response({f"{kind.singular}_ids": found, "count": len(found), "complete": is_all})

    return answer(request, {"GET": list_them})


def bulk(request: HttpRequest, kind: Kind) -> HttpResponse:
    """One action on many items, and how it went with each."""

    def run(actor: Actor) -> HttpResponse:
        asked = validated(BulkRequest, json_body(request))
        return json_response(run_bulk(kind, actor, asked, stamp_of(request, actor), refusals_of(request)))

    return answer(request, {"POST": run})


def item(request: HttpRequest, kind: Kind, key: str, *, more: Mapping[str, Handler] | None = None) -> HttpResponse:
    """One item: read, changed, deleted. PUT changes what is named, so that PATCH is the same.

    `more`: what else is done with one of this kind at its address, by method.
    """

    def read(actor: Actor) -> HttpResponse:
        return _item(request, work.read_item(kind, actor, key))

    def change(actor: Actor) -> HttpResponse:
        values = values_of(validated(kind.update, json_body(request)))
        versions = expected_versions(request)
        return _item(request, work.update_item(kind, actor, key, values, stamp_of(request, actor), versions=versions))

    def delete(actor: Actor) -> HttpResponse:
        gone = work.delete_item(kind, actor, key, stamp_of(request, actor), versions=expected_versions(request))
        return json_response({"status": "success", "message": f"{kind.title} {gone['id']} deleted"})

    return answer(request, {"GET": read, "PUT": change, "PATCH": change, "DELETE": delete, **(more or {})})


def state(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """Switching on and off: what a person wants, whatever the far side does."""

    def switch(actor: Actor) -> HttpResponse:
        activate = validated(StateParameters, single_values(request.GET), where="query").activate
        versions = expected_versions(request)
        changed = work.set_enabled(kind, actor, key, activate, stamp_of(request, actor), versions=versions)
        message = f"{kind.title} {changed['id']} {'activated' if activate else 'deactivated'}"
        return json_response({"status": "success", "message": message, kind.singular: changed})

    return answer(request, {"POST": switch})


def info(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """Where the existing system keeps the metadata of a resource; here the item itself has it."""
    return answer(request, {"GET": lambda actor: _item(request, work.read_item(kind, actor, key))})


def members(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """One kind of items of one server."""

    def list_them(actor: Actor) -> HttpResponse:
        query = from_api(kind, request.GET)
        return _list(request, kind, work.list_members(kind, actor, key, query), query)

    return answer(request, {"GET": list_them})


def refresh(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """Ask an item's upstream again what it offers: 202, and the row tells how far it is."""

    def enqueue(actor: Actor) -> HttpResponse:
        return json_response(work.refresh_item(kind, actor, key, stamp_of(request, actor)), status=202)

    return answer(request, {"POST": enqueue})


def refusals_of(request: HttpRequest) -> Callable[[GatewayError], object]:
    """Where what is refused to a part of a request is told, as it would be of a whole one."""
    return lambda error: turned_away.send(sender=type(error), request=request, error=error)


def _item(request: HttpRequest, item: PlainRow, *, status: int = 200) -> HttpResponse:
    return tagged_response(request, item, status=status, version=item["version"])


def _list(request: HttpRequest, kind: Kind, listing: Listing, query: ListQuery) -> HttpResponse:
    if query.page is not None:
        return tagged_response(request, numbered(request, listing, query, query.page))
    if query.with_cursor:
        return tagged_response(request, {kind.slug: listing.items, "nextCursor": listing.next_cursor})
    return tagged_response(request, listing.items)


def numbered(request: HttpRequest, listing: Listing, query: ListQuery, page: int) -> PlainRow:
    """A numbered page: its items, how many there are, and where the others are."""
    total = listing.total or 0
    pages = -(-total // query.limit)
    previous, following = page - 1 if page > 1 else None, page + 1 if page < pages else None
    return {
        "data": listing.items,
        "pagination": {
            "page": page,
            "perPage": query.limit,
            "totalItems": total,
            "totalPages": pages,
            "hasNext": following is not None,
            "hasPrev": previous is not None,
            "nextCursor": None,
            "prevCursor": None,
        },
        "links": {
            "self": _link(request, page),
            "first": _link(request, 1),
            "last": _link(request, max(pages, 1)),
            "next": _link(request, following),
            "prev": _link(request, previous),
        },
    }


def _link(request: HttpRequest, page: int | None) -> str | None:
    if page is None:
        return None
    parameters = request.GET.copy()
    parameters["page"] = str(page)
    return f"{request.path}?{parameters.urlencode()}"


@cache
def create_body(kind: Kind) -> type[BaseModel]:
    """What is posted to a collection: the item, in most kinds wrapped with its scope beside it."""
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
