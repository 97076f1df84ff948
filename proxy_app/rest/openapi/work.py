"""Units of work that compare the operations of a document with the tools there are, and make tools of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from auth_app.actor import Actor
from auth_app.policy import require_create, require_to, visible_to
from auth_app.stamps import Stamp
from gatewaysite.errors import BadInput, Denied
from proxy_app.models import Tool
from proxy_app.names import slugify
from proxy_app.registry.kind import Values
from proxy_app.registry.kinds import TOOLS
from proxy_app.registry.work import add_row, change_row, clashes


@dataclass(frozen=True)
class Target:
    """Whom the tools are for, and where their requests go: an operation is imported once for each."""

    base_url: str
    visibility: str
    team_id: UUID | None


@dataclass(frozen=True)
class Ready:
    """An operation whose tool was checked: the values that make it, and those that bring it up to date."""

    operation: str
    new: Values
    again: Values


@dataclass(frozen=True)
class Outcome:
    status: str
    detail: str = ""
    tool_id: str | None = None
    name: str = ""


def imported(actor: Actor, target: Target) -> dict[str, tuple[str, str]]:
    """By operation, the id and the name of the tool there is. One query needs no block."""
    rows = Tool.objects.filter(_of(actor, target)).values_list("operation", "id", "name")
    return {operation: (pk.hex, name) for operation, pk, name in rows}


def import_tools(actor: Actor, target: Target, wanted: Sequence[Ready], stamp: Stamp) -> dict[str, Outcome]:
    """Make or bring up to date one tool for each operation, all of it or nothing; a name that is taken is told."""
    with clashes(TOOLS), transaction.atomic(durable=True):
        require_create(actor, Tool.kind, visibility=target.visibility, team_id=target.team_id)
        rows = Tool.objects.filter(_of(actor, target)).select_for_update(no_key=True)
        there = {row.operation: row for row in rows}
        slugs = {slugify(one.new["name"]) for one in wanted if one.operation not in there}
        taken = set(Tool.objects.filter(_scope(actor, target), slug__in=slugs).values_list("slug", flat=True))
        outcomes = {}
        for one in wanted:
            row = there.get(one.operation)
            outcomes[one.operation] = _update(actor, row, one, stamp) if row else _create(actor, one, taken, stamp)
        return outcomes


def _create(actor: Actor, one: Ready, taken: set[str], stamp: Stamp) -> Outcome:
    slug = slugify(one.new["name"])
    if slug in taken:
        return Outcome("failed", f"A tool is called {slug} already; choose a prefix")
    taken.add(slug)
    row = add_row(TOOLS, actor, one.new, stamp)
    return Outcome("created", tool_id=row.pk.hex, name=row.name)


def _update(actor: Actor, row: Any, one: Ready, stamp: Stamp) -> Outcome:
    """Its name, tags and switch stay, and a description that somebody has edited."""
    try:
        require_to(actor, "update", row)
        edited = row.description != row.original_description
        values = {name: value for name, value in one.again.items() if not (edited and name == "description")}
        changed = change_row(TOOLS, actor, row, values, stamp, "updated")
    except (BadInput, Denied) as error:
        return Outcome("failed", error.message, row.pk.hex, row.name)
    return Outcome("updated" if changed else "unchanged", tool_id=row.pk.hex, name=row.name)


def _of(actor: Actor, target: Target) -> Q:
    rest = Q(integration_type=Tool.Integration.REST, base_url=target.base_url)
    return visible_to(actor, Tool.kind) & _scope(actor, target) & rest & ~Q(operation="")


def _scope(actor: Actor, target: Target) -> Q:
    scope = Q(visibility=target.visibility)
    if target.visibility == "team":
        return scope & Q(team_id=target.team_id)
    return scope & Q(owner_id=actor.user_id) if target.visibility == "private" else scope
