"""Who wrote what: the stamps on a row, and the audit entry beside it."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from auth_app.actor import Actor
from auth_app.models import AuditEntry
from gatewaysite.context import Phase
from gatewaysite.phases import during
from gatewaysite.validation import NOT_IN_A_LINE


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """The origin of a write: whose it is, and how it came in."""

    email: str
    ip: str | None = None
    user_agent: str = ""
    via: str = "api"
    request_id: str = ""
    batch: str = ""  # the id of the import that it is part of

    def created(self) -> dict[str, Any]:
        return {
            "created_by": self.email,
            "created_from_ip": self.ip,
            "created_via": self.via,
            "created_user_agent": self.user_agent[:300],
        }

    def modified(self) -> dict[str, Any]:
        return {
            "modified_by": self.email,
            "modified_from_ip": self.ip,
            "modified_via": self.via,
            "modified_user_agent": self.user_agent[:300],
        }


def stamp_of(request: HttpRequest, actor: Actor, *, via: str = "api") -> Stamp:
    """Whose write a request is and where it came from."""
    return stamp_of_person(request, actor.email, via=via)


def stamp_of_person(request: HttpRequest, email: str, *, via: str = "ui") -> Stamp:
    """`stamp_of`, where nobody is signed in, or not yet: somebody who sets a password anew, a provider, a client."""
    return Stamp(
        email=email,
        ip=address_of(request.META.get("REMOTE_ADDR", "")),
        user_agent=NOT_IN_A_LINE.sub("", request.headers.get("User-Agent", "")),
        via=via,
        request_id=getattr(request, "request_id", ""),
    )


def address_of(text: str) -> str | None:
    """None behind a Unix socket."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def audit(
    stamp: Stamp,
    action: str,
    kind: str,
    key: str,
    name: str,
    changes: Mapping[str, Any] | None = None,
    *,
    team_id: UUID | None = None,
) -> None:
    """Add the audit entry of a write, inside its unit. Secrets do not belong into `changes`.

    `changes` has `[before, after]` of what was changed (`differences`), and whatever else is worth saying as it is. A
    list of anything else would be read as such a pair, so it is said as a text.
    `team_id`: whose owners may read it; of a team itself it goes without saying.
    """
    with during(Phase.AUDIT):
        AuditEntry.objects.create(
            actor_email=stamp.email,
            action=action,
            object_kind=kind,
            object_id=key,
            object_name=name,
            team_id=UUID(key) if kind == "teams" and team_id is None else team_id,
            changes={**(changes or {}), **({"import": stamp.batch} if stamp.batch else {})},
            request_id=stamp.request_id,
            from_ip=stamp.ip,
            via=stamp.via,
        )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """`[before, after]` of every member that differs; of what is new, or gone, one side is null."""
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
