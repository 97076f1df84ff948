"""People as those see them who administer them. The one of the path is the viewer."""

from tests.contract.access.table import OPERATE, Table, for_some

ONE = "viewer"

TABLE: Table = {
    ("GET", "auth/email/admin/users"): for_some(OPERATE),
    ("POST", "auth/email/admin/users"): for_some(OPERATE, body={"email": "new@example.com"}),
    ("GET", "auth/email/admin/users/<key>"): for_some(OPERATE, key=ONE),
    ("PUT", "auth/email/admin/users/<key>"): for_some(OPERATE, key=ONE, body={"full_name": "x"}),
    ("PATCH", "auth/email/admin/users/<key>"): for_some(OPERATE, key=ONE, body={"full_name": "x"}),
    ("DELETE", "auth/email/admin/users/<key>"): for_some(OPERATE, key=ONE),
    ("POST", "auth/email/admin/users/<key>/unlock"): for_some(OPERATE, key=ONE),
    ("GET", "auth/email/admin/events"): for_some(OPERATE),
    ("DELETE", "auth/email/admin/users/<email>/second-factor"): for_some(OPERATE),
    ("GET", "admin/users"): for_some(OPERATE),
    ("GET", "admin/users/new"): for_some(OPERATE),
    ("POST", "admin/users/new"): for_some(OPERATE, body={"email": "new@example.com", "way": "account"}),
    ("GET", "admin/users/<key>"): for_some(OPERATE, key=ONE),
    ("GET", "admin/users/<key>/delete"): for_some(OPERATE, key=ONE),
    ("POST", "admin/users/<key>/delete"): for_some(OPERATE, key=ONE),
    ("POST", "admin/users/<key>/<action>"): for_some(OPERATE, key=ONE),
    ("GET", "admin/second-factors"): for_some(OPERATE),
    ("POST", "admin/second-factors/<key>/reset"): for_some(OPERATE, key=ONE),
}
