"""Resources and prompts of the read model: rows into entries, and entries onto the shelves of those who offer them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Q

from proxy_app.content.uris import UriTemplate, uri_template
from proxy_app.snapshot.entries import PromptEntry, ResourceEntry, Shelf
from proxy_app.snapshot.places import Row as Place
from proxy_app.snapshot.places import placed

RESOURCE_COLUMNS = (
    "gateway_id", "version", "uri", "uri_template", "title", "description", "mime_type", "size", "annotations", "meta",
    "enabled", "gateway__enabled", "held",
)  # fmt: skip
PROMPT_COLUMNS = ("gateway_id", "version", "original_name", "title", "description", "arguments", "meta")
# Switched on, and so is the gateway that offers it, where one does; and not in quarantine.
SERVED = Q(enabled=True, held="") & (Q(gateway=None) | Q(gateway__enabled=True))
EMPTY = Shelf()

type Row = dict[str, Any]


class Rows(NamedTuple):
    """Resources switched off are among them: what they are called is known, and they are not served."""

    resources: Iterable[Row]
    prompts: Iterable[Row]
    resources_of_servers: Iterable[Place]
    prompts_of_servers: Iterable[Place]


NOTHING = Rows((), (), (), ())


def fill(rows: Rows) -> tuple[Shelf, Mapping[UUID, Shelf]]:
    """The shelf of everything, and those of servers that have any."""
    resources = [
        _resource_entry(row) for row in rows.resources if _is_served(row) and row["gateway__enabled"] is not False
    ]
    prompts = [_prompt_entry(row) for row in rows.prompts]
    withheld = frozenset((row["gateway_id"], row["uri"]) for row in rows.resources if not _is_served(row))
    of_servers = {
        server_id: _shelf(*members, withheld) for server_id, members in _members(rows, resources, prompts).items()
    }
    return _shelf(resources, prompts, withheld), of_servers


def _is_served(row: Row) -> bool:
    return bool(row["enabled"]) and not row["held"]


def _members(
    rows: Rows, resources: Iterable[ResourceEntry], prompts: Iterable[PromptEntry]
) -> Mapping[UUID, tuple[list[ResourceEntry], list[PromptEntry]]]:
    """Of each server, under the names and descriptions they have there."""
    of_resources = placed(rows.resources_of_servers, {entry.id: entry for entry in resources}, _described)
    of_prompts = placed(rows.prompts_of_servers, {entry.id: entry for entry in prompts}, _described)
    return {
        server_id: (
            [_named(*pair) for pair in of_resources.get(server_id, ())],
            [_named(*pair) for pair in of_prompts.get(server_id, ())],
        )
        for server_id in of_resources.keys() | of_prompts.keys()
    }


def _named[E: (ResourceEntry, PromptEntry)](name: str, entry: E) -> E:
    return entry if name == entry.name else replace(entry, name=name, wire=_with(entry.wire, name=name))


def _described[E: (ResourceEntry, PromptEntry)](entry: E, description: str) -> E:
    return replace(entry, wire=_with(entry.wire, description=description))


def _with(wire: bytes, **members: str) -> bytes:
    """The same with other members, the rest kept to the byte."""
    said = msgspec.json.decode(wire, type=dict[str, msgspec.Raw])
    return msgspec.json.encode(said | {name: msgspec.Raw(msgspec.json.encode(text)) for name, text in members.items()})


def _shelf(
    resources: Iterable[ResourceEntry], prompts: Iterable[PromptEntry], withheld: frozenset[tuple[UUID | None, str]]
) -> Shelf:
    """In one order in every process; of several with one name and one scope our own is meant, or the first."""
    fixed: defaultdict[str, tuple[ResourceEntry, ...]] = defaultdict(tuple)
    templates: defaultdict[str, tuple[ResourceEntry, ...]] = defaultdict(tuple)
    named: defaultdict[str, tuple[PromptEntry, ...]] = defaultdict(tuple)
    for resource in sorted(resources, key=lambda one: (one.uri, one.gateway_id is not None, one.name, one.id)):
        where = fixed if resource.template is None else templates
        where[resource.uri] += (resource,)
    for prompt in sorted(prompts, key=lambda one: (one.name, one.gateway_id is not None, one.id)):
        named[prompt.name] += (prompt,)
    return Shelf(dict(fixed), dict(templates), dict(named), withheld)


def _resource_entry(row: Row) -> ResourceEntry:
    # An upstream may call anything a template; one that is none stands for itself.
    template = (uri_template(row["uri"]) or UriTemplate((row["uri"],))) if row["uri_template"] else None
    return ResourceEntry(
        **_owned(row),
        gateway_id=row["gateway_id"],
        version=row["version"],
        uri=row["uri"],
        template=template,
        mime_type=row["mime_type"],
        wire=_wire(
            **({"uriTemplate": row["uri"]} if template else {"uri": row["uri"], "size": row["size"]}),
            name=row["name"], title=row["title"], description=row["description"], mimeType=row["mime_type"],
            annotations=row["annotations"] or None, _meta=row["meta"],
        ),
    )  # fmt: skip


def _prompt_entry(row: Row) -> PromptEntry:
    arguments = [
        {name: value for name, value in argument.items() if value is not None} for argument in row["arguments"] or ()
    ]
    return PromptEntry(
        **_owned(row),
        gateway_id=row["gateway_id"],
        version=row["version"],
        original_name=row["original_name"],
        wire=_wire(
            name=row["name"], title=row["title"], description=row["description"], arguments=arguments,
            _meta=row["meta"],
        ),
    )  # fmt: skip


def _owned(row: Row) -> Row:
    return {name: row[name] for name in ("id", "name", "visibility", "team_id", "owner_id")}


def _wire(**members: Any) -> bytes:
    return msgspec.json.encode({name: value for name, value in members.items() if value is not None})
