"""What is there of a registered kind, as a document says it."""

import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.db.models import F, TextField, Value
from django.db.models.functions import MD5, Concat
from pydantic.alias_generators import to_camel

from auth_app.actor import Actor
from auth_app.policy import Reach, visible_to
from auth_app.transfer.section import Found, Plain
from gatewaysite.db.rows import as_id
from gatewaysite.responses import JsonText
from gatewaysite.secrets import sealed_columns
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import KINDS, TOOLS
from proxy_app.transfer.references import hidden_members

# What a gateway calls an item of its own: never changed by us, so that it tells which one a document means. Of an agent
# there is one tool.
OFFERED_AS = {"tools": "original_name", "resources": "uri", "prompts": "original_name"}
# What a document says otherwise: a team by its slug, and a credential flat.
LEFT_OUT = frozenset({"id", "team_id", "auth"})


def read(kind: Kind, actor: Actor, within: Reach) -> list[Found]:
    """What the actor sees of what `within` reaches, by name."""
    return read_where(kind, actor, visible_to(actor, kind.slug) & within.as_q())


def read_where(kind: Kind, actor: Actor, condition: Any) -> list[Found]:
    more = _more(kind)
    rows = list(kind.rows(actor, **more).filter(condition).order_by("slug", "id"))
    items = [(kind.to_data(row[: -len(more)]), row[-len(more) :]) for row in rows]
    names = names_of(actor, (key for data, _ in items for key in _ids_in(kind, data)))
    return [_found(kind, data, dict(zip(more, extra, strict=True)), names) for data, extra in items]


def _more(kind: Kind) -> dict[str, Any]:
    """What a document needs of a row beyond the kind's own members."""
    sealed = sealed_columns(kind.model)
    together: Any = Concat(*sealed, Value(""), output_field=TextField()) if sealed else Value("")
    more: dict[str, Any] = {
        "at_slug": F("slug"),
        "at_team": F("team__slug"),
        "at_sealed": MD5(together),
    }
    if kind.slug in OFFERED_AS:
        more |= {
            "at_gateway": F("gateway__slug"),
            "at_identity": F(OFFERED_AS[kind.slug]),
            "at_description": F("original_description"),
        }
    if kind is TOOLS:
        more["at_agent"] = F("agent__slug")
    return more | {f"beside_{name}": source for name, source in kind.beside.items()}


def names_of(actor: Actor, ids: Iterable[str]) -> dict[str, str]:
    """The names of items by their ids, as far as the actor sees them, whatever their kind. One query."""
    wanted = list({UUID(key) for key in ids})
    if not wanted:
        return {}
    first, *others = (
        kind.model._default_manager.filter(visible_to(actor, kind.slug), pk__in=wanted)
        .order_by()
        .values_list("pk", "name")
        for kind in KINDS
    )
    return {pk.hex: name for pk, name in first.union(*others, all=True)}


def _ids_in(kind: Kind, data: Plain) -> Iterable[str]:
    """The ids that its members name other items by: in lists, and as names in objects."""
    for member in members_of(kind):
        value = data.get(member)
        if isinstance(value, list | dict):
            yield from (one for one in value if isinstance(one, str) and len(one) == 32 and as_id(one))


@cache
def members_of(kind: Kind) -> tuple[str, ...]:
    """What may be said of one, but for what every kind has another word for."""
    fields = dict.fromkeys([*kind.create.model_fields, *kind.update.model_fields])
    return tuple(to_camel(name) for name in fields if name not in LEFT_OUT | {"name"})


def _found(kind: Kind, data: Plain, at: Plain, names: Mapping[str, str]) -> Found:
    offer = _offer_at(kind, at)
    item: Plain = {"name": data["name"]} | offer
    item |= {"visibility": data["visibility"], "team": at["at_team"], "owner": data["ownerEmail"]}
    item["enabled"] = data["enabled"]
    told = (kind.written(data) if kind.written else data) | {name: at[f"beside_{name}"] for name in kind.beside}
    of_upstream = _own_members(kind) if offer else frozenset[str]()
    item |= {name: _said(told[name], names) for name in members_of(kind) if name in told and name not in of_upstream}
    if offer and item.get("description") == at["at_description"]:
        del item["description"]  # the gateway's own, which may change
    item = {name: value for name, value in item.items() if value is not None or name in _nullable(kind)}
    whose = {"team": (at["at_team"],), "private": ((data["ownerEmail"] or "").lower(),)}
    return Found(
        key=(at["at_slug"], data["visibility"], *whose.get(data["visibility"], ())),
        id=data["id"],
        version=data["version"],
        sealed=at["at_sealed"],
        offered_as=(next(iter(offer)), *offer.values()) if offer else None,
        item=item,
    )


def _offer_at(kind: Kind, at: Plain) -> Plain:
    """Who offers it as what, as a document says it; of our own, nothing."""
    if at.get("at_gateway"):
        return {"gateway": at["at_gateway"], to_camel(OFFERED_AS[kind.slug]): at["at_identity"]}
    return {"agent": at["at_agent"]} if at.get("at_agent") else {}


@cache
def _own_members(kind: Kind) -> frozenset[str]:
    return frozenset(map(to_camel, kind.own))


@cache
def _nullable(kind: Kind) -> frozenset[str]:
    """The members of which null says something. A secret that is not there is left out."""
    fields = kind.update.model_fields.items()
    hidden = hidden_members(kind.update)
    said = {to_camel(name) for name, field in fields if type(None) in typing.get_args(field.annotation)}
    shown = said - kind.beside.keys() | {"team", "owner"}
    return frozenset(name for name in shown if hidden.get(name) is not True)


def _said(value: Any, names: Mapping[str, str]) -> Any:
    """As a document says it: names in the place of ids, tags as words."""
    if isinstance(value, JsonText):
        return orjson.loads(str(value))
    if isinstance(value, list):
        return [_called(one, names) for one in value]
    if isinstance(value, dict):
        return {names.get(key, key): one for key, one in value.items()}
    return value


def _called(one: Any, names: Mapping[str, str]) -> Any:
    if isinstance(one, dict) and one.keys() == {"id", "label"}:
        return one["label"]
    return names.get(one, one) if isinstance(one, str) else one
