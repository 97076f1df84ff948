"""What is sent to the endpoints of roles, and what they answer, by the names of the existing system."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from auth_app.models import Role, RoleGrant
from auth_app.patterns import Permission
from auth_app.permissions import SYSTEM_ROLES, expand
from gatewaysite.validation import Line, Moment, Plain, plain_text

Name = Annotated[Line, StringConstraints(max_length=100)]
About = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(plain_text)]
Scope = Literal["global", "team"]
Permissions = Annotated[list[Permission], Field(max_length=200), AfterValidator(lambda all: list(dict.fromkeys(all)))]


class RoleData(TypedDict):
    """A role. `effective_permissions`: each by its name, those it inherits included."""

    id: str
    name: str
    description: str | None
    scope: str
    permissions: list[str]
    effective_permissions: list[str]
    inherits_from: str | None
    created_by: str
    is_system_role: bool
    is_active: bool
    created_at: Any
    updated_at: Any


class GrantData(TypedDict):
    """A role that somebody has. `grant_source`: manual; or what it comes with: membership, administrator."""

    id: str
    user_email: str
    role_id: str
    role_name: str
    scope: str
    scope_id: str | None
    granted_by: str | None
    granted_at: Any
    expires_at: Any
    is_active: bool
    grant_source: str


class CatalogueData(TypedDict):
    all_permissions: list[str]
    permissions_by_resource: dict[str, list[str]]
    total_count: int


class RoleCreate(Plain):
    name: Name
    description: About | None = None
    scope: Scope = Field(description="Where it may be given: everywhere, or in a team.")
    permissions: Permissions = Field(description="By name or pattern: tools.read, tools.*, *.read.")
    inherits_from: UUID | None = Field(None, description="The id of a role whose permissions it has too.")


class RoleUpdate(Plain):
    """What is left out stays."""

    name: Name | None = None
    description: About | None = None
    permissions: Permissions | None = None
    inherits_from: UUID | None = None


class RoleAssign(Plain):
    role_id: UUID
    scope: Scope
    scope_id: UUID | None = Field(None, description="The team's id, with the scope team.")
    expires_at: Moment | None = None


def role_data(row: Role, effective: frozenset[str]) -> RoleData:
    system = SYSTEM_ROLES.get(row.name) if row.is_system else None
    return {
        "id": str(row.pk),
        "name": row.name,
        "description": (system.description if system else row.description) or None,
        "scope": row.scope,
        "permissions": sorted(system.permissions) if system else row.permissions,
        "effective_permissions": sorted(expand(effective)),
        "inherits_from": str(row.inherits_id) if row.inherits_id else None,
        "created_by": row.created_by,
        "is_system_role": row.is_system,
        "is_active": True,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def grant_data(row: RoleGrant, *, now: datetime) -> GrantData:
    """The row's person and role must have been read with it."""
    return {
        "id": str(row.pk),
        "user_email": row.user.email,
        "role_id": str(row.role_id),
        "role_name": row.role.name,
        "scope": "team" if row.team_id else "global",
        "scope_id": row.team_id.hex if row.team_id else None,
        "granted_by": row.granted_by or None,
        "granted_at": row.granted_at,
        "expires_at": row.expires_at,
        "is_active": row.expires_at is None or row.expires_at > now,
        "grant_source": row.source,
    }


def derived_grant(
    role: Role, email: str, *, key: str, team_id: UUID | None, since: datetime, source: str, by: str = ""
) -> GrantData:
    """A role that somebody has without a grant of its own."""
    return {
        "id": key,
        "user_email": email,
        "role_id": str(role.pk),
        "role_name": role.name,
        "scope": "team" if team_id else "global",
        "scope_id": team_id.hex if team_id else None,
        "granted_by": by or None,
        "granted_at": since,
        "expires_at": None,
        "is_active": True,
        "grant_source": source,
    }


def catalogue_data(by_kind: Mapping[str, list[str]]) -> CatalogueData:
    every = sorted(permission for permissions in by_kind.values() for permission in permissions)
    return {"all_permissions": every, "permissions_by_resource": dict(by_kind), "total_count": len(every)}
