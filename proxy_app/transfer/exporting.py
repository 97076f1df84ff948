"""The document of what there is: our own, and the envelope that clients of the existing system know."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.transfer.section import Found, Plain
from proxy_app.transfer import work
from proxy_app.transfer.document import FORMAT
from proxy_app.transfer.references import with_references
from proxy_app.transfer.sections import BY_NAME, SECTIONS

# Which members of a server name others, as the existing system calls the relation.
DEPENDENCIES = {
    "servers_to_tools": "associatedTools",
    "servers_to_resources": "associatedResources",
    "servers_to_prompts": "associatedPrompts",
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What of the configuration is wanted. `selections`: names by part."""

    types: tuple[str, ...] = tuple(BY_NAME)
    tags: tuple[str, ...] = ()
    include_inactive: bool = True
    include_ids: bool = False
    include_dependencies: bool = True
    selections: Mapping[str, Sequence[str]] = field(default_factory=dict)


def export_document(actor: Actor, choice: Choice) -> Plain:
    """What can be written to a file and applied elsewhere."""
    return {
        "format": FORMAT,
        "exportedAt": timezone.now().isoformat(timespec="seconds"),
        "exportedBy": actor.email,
        "source": settings.PUBLIC_URL,
        **export_parts(actor, choice),
    }


def export_envelope(actor: Actor, choice: Choice) -> Plain:
    """The same by the names of the existing system's export."""
    parts = export_parts(actor, choice)
    chosen = {"selective": True, "selections": choice.selections} if choice.selections else {}
    return {
        "version": "1",
        "format": FORMAT,
        "exported_at": timezone.now(),
        "exported_by": actor.email,
        "source_gateway": settings.PUBLIC_URL,
        "encryption_method": None,
        "entities": parts,
        "metadata": {
            "entity_counts": {name: len(items) for name, items in parts.items()},
            "dependencies": {
                relation: {one["name"]: held for one in parts.get("servers", []) if (held := _held(one, member))}
                if choice.include_dependencies
                else {}
                for relation, member in DEPENDENCIES.items()
            },
            "export_options": {
                **chosen,
                "include_inactive": choice.include_inactive,
                "include_dependencies": choice.include_dependencies,
                "selected_types": list(parts),
                "filter_tags": list(choice.tags),
            },
        },
    }


def _held(server: Plain, member: str) -> list[str]:
    """Names of what is in a server, which says its members by kind or all together."""
    together = [one["name"] for one in server.get("members", []) if f"associated{one['kind'].capitalize()}s" == member]
    return server.get(member) or together


def export_parts(actor: Actor, choice: Choice) -> dict[str, list[Plain]]:
    names = [section.name for section in SECTIONS if section.name in (choice.selections or choice.types)]
    found = work.export_sections(actor, names)
    return {name: list(_wanted(name, found[name], choice)) for name in names}


def _wanted(name: str, found: Iterable[Found], choice: Choice) -> Iterable[Plain]:
    selected = choice.selections.get(name, ())
    for one in found:
        if selected and one.item.get("name") not in selected and one.id not in selected:
            continue
        if choice.tags and not set(choice.tags) & set(one.item.get("tags", [])):
            continue
        if not choice.include_inactive and not _is_on(one.item):
            continue
        item = with_references(BY_NAME[name], one)
        yield (
            {"name": item.pop("name"), "id": one.id, **item}
            if choice.include_ids and "id" in BY_NAME[name].members
            else item
        )


def _is_on(item: Mapping[str, Any]) -> bool:
    return all(item.get(name, True) for name in ("enabled", "isActive", "isEnabled"))
