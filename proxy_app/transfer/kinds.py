"""The section of a registered kind, made of what the kind says of itself: a new kind needs nothing here."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q
from pydantic.alias_generators import to_camel

from auth_app.actor import Actor
from auth_app.models import Team, User
from auth_app.policy import reach, require_to, visible_to
from auth_app.stamps import Stamp
from auth_app.transfer.section import Found, Key, Plain, Section, Wanted
from gatewaysite.db.rows import as_id, part_of_unit
from gatewaysite.errors import Conflict, Denied
from gatewaysite.secrets import CannotUnseal, open_sealed, sealed_columns
from gatewaysite.validation import bad_field, validated, values_of
from proxy_app.models import Agent, Gateway, Tool
from proxy_app.names import slugify
from proxy_app.registry.kind import Kind, Values
from proxy_app.registry.kinds import AGENTS, GATEWAYS, KINDS, TOOLS
from proxy_app.registry.lookup import find_one
from proxy_app.registry.work import add_row, change_row, clashes, locked_row, prepared, remove_row
from proxy_app.transfer.items import LEFT_OUT, OFFERED_AS, members_of, read, read_where

TEXT: Plain = {"type": "string", "minLength": 1, "maxLength": 2000}
STRUCTURE: Mapping[str, Plain] = {
    "id": {"type": "string", "description": "Finds an item that is to be called otherwise, and is given to a new one."},
    "team": {"type": ["string", "null"], "description": "The slug of the team that has it."},
    "owner": {"type": ["string", "null"], "description": "The e-mail address of whoever owns it."},
    "enabled": {"type": "boolean", "description": "Whether it is switched on."},
}
GATEWAY: Plain = {**TEXT, "description": "The slug of the gateway that offers it."}
AGENT: Plain = {**TEXT, "description": "The slug of the agent that it stands for."}


class Moved(Conflict):
    """Something was changed meanwhile; look at the plan again."""

    code = "moved"


def section_of(kind: Kind) -> Section:
    return Section(
        name=kind.slug,
        singular=kind.singular,
        create=kind.create,
        update=kind.update,
        structure={**STRUCTURE, **_offering(kind)},
        left_out=LEFT_OUT,
        key_of=key_of,
        read=partial(read, kind),
        check=partial(check, kind),
        write=partial(write, kind),
        delete=partial(delete, kind),
    )


def _offering(kind: Kind) -> Mapping[str, Plain]:
    """What a document says of who offers an item, and as what."""
    if kind.slug not in OFFERED_AS:
        return {}
    said = OFFERED_AS[kind.slug]
    return (
        {"gateway": GATEWAY}
        | ({"agent": AGENT} if kind is TOOLS else {})
        | ({} if said in kind.update.model_fields else {to_camel(said): TEXT})
    )


def key_of(item: Plain, actor: Actor) -> Key:
    """Its slug within its scope: everybody's, a team's, or one person's."""
    slug = slugify(item["name"])
    if not slug:
        raise bad_field("name", "A name needs a Latin letter or a digit, for the slug that is made of it")
    visibility = item.get("visibility", "public")
    if visibility == "team":
        return slug, "team", item.get("team") or ""
    return (
        (slug, "private", (item.get("owner") or actor.email).lower()) if visibility == "private" else (slug, "public")
    )


def offered_as(section: Section, item: Plain) -> Key | None:
    """By whom and as what, as far as the document says it."""
    if section.name not in OFFERED_AS:
        return None
    if item.get("agent"):
        return "agent", item["agent"]
    if item.get("gateway"):
        return "gateway", item["gateway"], item.get(to_camel(OFFERED_AS[section.name]), "")
    return None


# --- What shall be ---------------------------------------------------------------------------------------------------


def check(kind: Kind, item: Plain, found: Found | None) -> Values:
    """The columns and links that the item sets. No unit may be open: URLs are judged, and secrets sealed."""
    said = {name: value for name, value in item.items() if name not in STRUCTURE and name not in {"gateway", "agent"}}
    if item.get("gateway") or item.get("agent") or (found and found.offered_as):
        identity = said.pop(to_camel(OFFERED_AS[kind.slug]), None)
        if "customName" in members_of(kind):
            said.pop("name", None)  # made of the gateway's name and the item's own
            if not found and identity:
                said.setdefault("customName", identity)
        return prepared(kind, values_of(validated(kind.update, said)))
    if said.get("customName"):
        said["name"] = said["customName"]  # which is what clients call it made of
    if found:
        return prepared(kind, values_of(validated(kind.update, said)))
    return prepared(kind, values_of(validated(kind.create, said)))


def write(kind: Kind, actor: Actor, wanted: Wanted, stamp: Stamp) -> Found:
    with clashes(kind), part_of_unit():
        row_id = _change(kind, actor, wanted, stamp) if wanted.found else _add(kind, actor, wanted, stamp)
    (found,) = read_where(kind, actor, visible_to(actor, kind.slug) & Q(pk=row_id))
    return found


def delete(kind: Kind, actor: Actor, found: Found, stamp: Stamp) -> None:
    with clashes(kind), part_of_unit():
        remove_row(kind, _locked(kind, actor, found, "delete"), stamp)


def _change(kind: Kind, actor: Actor, wanted: Wanted, stamp: Stamp) -> UUID:
    assert wanted.found is not None  # noqa: S101
    row = _locked(kind, actor, wanted.found, "update")
    values = {**wanted.values, **_structural(wanted)}
    for name in sealed_columns(kind.model):
        if name in values and _same_secret(getattr(row, name), values[name]):
            del values[name]
    change_row(kind, actor, row, values, stamp)
    row_id: UUID = row.pk
    return row_id


def _add(kind: Kind, actor: Actor, wanted: Wanted, stamp: Stamp) -> UUID:
    item = wanted.item
    if item.get("agent"):
        return _follow(kind, actor, wanted, stamp)
    given: Plain = {"import_batch_id": UUID(stamp.batch) if stamp.batch else None} | _owner(kind, actor, wanted)
    if item.get("id"):
        given["id"] = as_id(item["id"])
    if item.get("gateway"):
        given |= _offer(kind, actor, item)
    values = {name: value for name, value in wanted.values.items() if not (name == "id" and "id" in given)}
    row = add_row(kind, actor, values | _structural(wanted), stamp, **given)
    row_id: UUID = row.pk
    return row_id


def _follow(kind: Kind, actor: Actor, wanted: Wanted, stamp: Stamp) -> UUID:
    """The tool of an agent, which was made with the agent: perhaps a moment ago, in this unit."""
    agent = find_one(AGENTS, Agent.objects.filter(visible_to(actor, AGENTS.slug)), wanted.item["agent"])
    key = Tool.objects.filter(agent=agent).values_list("pk", flat=True).first()
    if key is None:
        raise Conflict(f"The agent {agent.name} has no tool")
    change_row(kind, actor, locked_row(kind, actor, key.hex, "update"), {**wanted.values, **_structural(wanted)}, stamp)
    row_id: UUID = key
    return row_id


def _locked(kind: Kind, actor: Actor, found: Found, verb: str) -> Any:
    row = locked_row(kind, actor, found.id, verb)
    if row.version != found.version:
        raise Moved
    return row


def _structural(wanted: Wanted) -> Plain:
    """What a document says of every kind, where it says something new."""
    there = wanted.found.item if wanted.found else {}
    columns: Plain = {}
    if "enabled" in wanted.item and wanted.item["enabled"] != there.get("enabled"):
        columns["enabled"] = wanted.item["enabled"]
    if "team" in wanted.item and wanted.item["team"] != there.get("team"):
        columns["team_id"] = _team_id(wanted.item["team"])
    return columns


def _team_id(slug: str | None) -> UUID | None:
    if not slug:
        return None
    pk = Team.objects.filter(slug=slug).values_list("pk", flat=True).first()
    if pk is None:
        raise bad_field("team", f"There is no team {slug}", "unknown_team")
    return pk


def _owner(kind: Kind, actor: Actor, wanted: Wanted) -> Plain:
    """Who will own it: whoever the document says, where the actor may make such things for everybody."""
    email = wanted.item.get("owner", actor.email)
    if email and email.lower() == actor.email.lower():
        return {}
    if wanted.item.get("visibility") == "private":
        raise Denied(f"Access denied: this is private, so that only {email or 'its owner'} can import it")
    everywhere = reach(actor, f"{kind.slug}.create").everywhere
    if email is None and everywhere:
        return {"owner_id": None}
    person = User.objects.filter(email__iexact=email).first() if email and everywhere else None
    if person is None:
        wanted.notes.append(f"It will be owned by {actor.email}, not by {email or 'nobody'}")
        return {}
    return {"owner_id": person.pk}


def _offer(kind: Kind, actor: Actor, item: Plain) -> Plain:
    """The columns of an item that its gateway will describe when it is asked; here it has the name of it only."""
    identity = item.get(to_camel(OFFERED_AS[kind.slug]))
    if not identity:
        raise bad_field(to_camel(OFFERED_AS[kind.slug]), "Say what its gateway calls it", "missing")
    gateways = Gateway.objects.filter(visible_to(actor, GATEWAYS.slug))
    gateway = find_one(GATEWAYS, gateways, item["gateway"])
    require_to(actor, "update", gateway)
    columns: Plain = {"gateway": gateway, OFFERED_AS[kind.slug]: identity}
    fields = {field.attname for field in kind.model._meta.concrete_fields}
    columns |= {"original_name": identity} if "original_name" in fields and "original_name" not in columns else {}
    return columns | ({"url": gateway.url} if "url" in fields else {})


def _same_secret(stored: str, sealed: str) -> bool:
    """Sealing the same twice gives two texts."""
    try:
        return open_sealed(stored) == open_sealed(sealed)
    except CannotUnseal:
        return False


SECTIONS: Sequence[Section] = tuple(section_of(kind) for kind in reversed(KINDS))
