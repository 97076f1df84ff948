"""People, teams, roles, tokens, and what happened."""

from auth_app.models.audit import AuditEntry
from auth_app.models.joining import Invitation, JoinRequest
from auth_app.models.people import User, UserManager
from auth_app.models.roles import Role, RoleGrant
from auth_app.models.teams import Membership, Team
from auth_app.models.tokens import ApiToken
from auth_app.models.versions import StateVersion

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Invitation",
    "JoinRequest",
    "Membership",
    "Role",
    "RoleGrant",
    "StateVersion",
    "Team",
    "User",
    "UserManager",
]
