"""API tokens, the audit, and why something was denied."""

from tests.contract.access.table import (
    API_TOKENS,
    OPERATE,
    OWN_TEAM,
    PEOPLE,
    READ_OWN,
    Line,
    Table,
    for_some,
    signed_in,
)

NEW_TOKEN = {"name": "new", "expires_in_days": "30", "may": "read", "ip_restrictions": "", "rate": ""}

TABLE: Table = {
    # Tokens are one's own, and for people only. The one of the path is the member's.
    ("GET", "tokens"): for_some(PEOPLE),
    ("POST", "tokens"): for_some(PEOPLE, body={"name": "new"}),
    ("GET", "tokens/<key>"): Line({"member"}, API_TOKENS, "tokens"),
    ("PUT", "tokens/<key>"): Line({"member"}, API_TOKENS, "tokens", body={"description": "x"}),
    ("DELETE", "tokens/<key>"): Line({"member"}, API_TOKENS, "tokens"),
    ("GET", "tokens/<key>/usage"): Line({"member"}, API_TOKENS, "tokens"),
    ("GET", "tokens/teams/<key>"): for_some(OWN_TEAM, key="blue"),
    ("POST", "tokens/teams/<key>"): for_some(PEOPLE, key="blue", body={"name": "new"}),
    ("GET", "tokens/admin/all"): for_some(OPERATE),
    ("DELETE", "tokens/admin/<key>"): for_some(OPERATE, key="tokens"),
    ("GET", "admin/tokens"): for_some(PEOPLE),
    ("GET", "admin/tokens/new"): signed_in(),
    ("POST", "admin/tokens/new"): for_some(PEOPLE, body=NEW_TOKEN),
    ("GET", "admin/tokens/<key>"): Line({"member"}, API_TOKENS, "tokens"),
    ("POST", "admin/tokens/<key>/revoke"): Line({"member"}, API_TOKENS, "tokens"),
    # The decision of the path is about the viewer and an item of Blue; the entry too.
    ("GET", "explain"): for_some(READ_OWN),
    ("GET", "explain/<key>"): Line(OWN_TEAM | {"viewer"}, {"blue token"}, "denials"),
    ("POST", "rbac/permissions/check"): signed_in(body={"permission": "tools.read"}),
    ("GET", "admin/denials"): for_some(READ_OWN),
    ("GET", "admin/explain"): signed_in(),
    ("GET", "admin/explain/<key>"): Line(OWN_TEAM | {"viewer"}, {"blue token"}, "denials"),
    ("GET", "audit"): for_some(READ_OWN),
    ("GET", "audit/export"): for_some(READ_OWN),
    ("GET", "admin/audit"): for_some(READ_OWN),
    ("GET", "admin/audit/<key>"): Line(OWN_TEAM | {"viewer"}, {"blue token"}, "audit"),
}
