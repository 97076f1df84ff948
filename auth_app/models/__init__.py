"""People, teams, roles, tokens, and what happened."""

from auth_app.models import addresses  # noqa: F401 (a lookup that registers itself)
from auth_app.models.audit import AuditEntry
from auth_app.models.decisions import Denial
from auth_app.models.events import AuthEvent
from auth_app.models.idempotency import KeptAnswer
from auth_app.models.joining import Invitation, JoinRequest
from auth_app.models.oauth import ClientRecord, Consent, IssuerSubject, SpentSecret, TrustedIssuer
from auth_app.models.people import PasswordHistory, User, UserManager
from auth_app.models.rehearsal import RoleShadow, ShadowDifference
from auth_app.models.roles import Role, RoleGrant
from auth_app.models.sso import SsoApproval, SsoProvider, SsoSession
from auth_app.models.teams import Membership, Team
from auth_app.models.tokens import ApiToken
from auth_app.models.versions import StateVersion

__all__ = [
    "ApiToken",
    "AuditEntry",
    "AuthEvent",
    "ClientRecord",
    "Consent",
    "Denial",
    "Invitation",
    "IssuerSubject",
    "JoinRequest",
    "KeptAnswer",
    "Membership",
    "PasswordHistory",
    "Role",
    "RoleGrant",
    "RoleShadow",
    "ShadowDifference",
    "SpentSecret",
    "SsoApproval",
    "SsoProvider",
    "SsoSession",
    "StateVersion",
    "Team",
    "TrustedIssuer",
    "User",
    "UserManager",
]
