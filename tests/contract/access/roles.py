"""Roles, who has them, and their rehearsals. Owners see roles, and give those of a team in theirs."""

from tests.contract.access.table import OPERATE, OWN_TEAM, SEE, Line, Table, for_some, signed_in

GIVEN = {"role_id": "{given}", "scope": "team", "scope_id": "{blue}", "expires_at": None}
NEW = {"name": "new", "scope": "global", "permissions": ["tools.read"]}

TABLE: Table = {
    ("GET", "rbac/roles"): for_some(OWN_TEAM),
    ("POST", "rbac/roles"): for_some(OPERATE, body=NEW),
    ("GET", "rbac/roles/<key>"): for_some(OWN_TEAM, key="roles"),
    ("PUT", "rbac/roles/<key>"): for_some(OPERATE, key="roles", body={"description": "x"}),
    ("DELETE", "rbac/roles/<key>"): for_some(OPERATE, key="roles"),
    ("GET", "rbac/my/roles"): signed_in(),
    ("GET", "rbac/my/permissions"): signed_in(),
    ("GET", "rbac/permissions/available"): signed_in(),
    ("GET", "rbac/permissions/user/<email>"): for_some(OPERATE),
    # The person of the path is the viewer, who has the role of the path in Blue.
    ("GET", "rbac/users/<email>/roles"): for_some(OWN_TEAM | {"viewer"}),
    ("POST", "rbac/users/<email>/roles"): Line(OWN_TEAM, SEE, body=GIVEN),
    ("DELETE", "rbac/users/<email>/roles/<key>"): Line(OWN_TEAM, SEE, "given", query="scope=team&scope_id={blue}"),
    ("GET", "admin/roles"): for_some(OWN_TEAM),
    ("GET", "admin/roles/new"): for_some(OPERATE),
    ("POST", "admin/roles/new"): for_some(OPERATE, body=NEW),
    ("GET", "admin/roles/<key>"): for_some(OWN_TEAM, key="roles"),
    ("POST", "admin/roles/<key>"): for_some(OPERATE, key="roles", body={"name": "n", "permissions": ["tools.read"]}),
    ("POST", "admin/roles/<key>/delete"): for_some(OPERATE, key="roles"),
    ("POST", "admin/roles/<key>/give"): Line(OWN_TEAM, SEE, "given", {"email": "{email}", "team": "{blue}"}),
    ("POST", "admin/roles/<key>/take"): Line(OWN_TEAM, SEE, "given", {"email": "{email}", "team": "{blue}"}),
    ("GET", "rbac/roles/<key>/shadow"): for_some(OPERATE, key="roles"),
    ("PUT", "rbac/roles/<key>/shadow"): for_some(OPERATE, key="roles", body={"permissions": ["tools.read"]}),
    ("DELETE", "rbac/roles/<key>/shadow"): for_some(OPERATE, key="roles"),
    ("POST", "rbac/roles/<key>/shadow/promote"): for_some(OPERATE, key="roles"),
    ("GET", "admin/roles/<key>/rehearsal"): for_some(OPERATE, key="roles"),
    ("POST", "admin/roles/<key>/rehearsal"): for_some(
        OPERATE, key="roles", body={"permissions": "*.read", "hours": "1"}
    ),
    ("POST", "admin/roles/<key>/rehearsal/promote"): for_some(OPERATE, key="roles"),
    ("POST", "admin/roles/<key>/rehearsal/discard"): for_some(OPERATE, key="roles"),
}
