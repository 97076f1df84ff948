"""Providers to sign in through. The one of the path answers nobody: what asks it says so."""

from tests.contract.access.table import OPERATE, Table, for_some, public

NEW = {"id": "other", "preset": "oidc", "issuer": "https://new.example.com", "client_id": "poolgate"}
DECIDED = {"action": "approve"}

TABLE: Table = {
    ("GET", "auth/sso/providers"): public(),
    ("GET", "auth/sso/login/<key>"): public(key="sso"),
    ("POST", "auth/sso/logout/<key>"): public(key="sso"),
    ("GET", "login/sso/<key>"): public(key="sso"),
    ("GET", "auth/sso/callback/<provider_id>"): public(),
    ("GET", "auth/sso/admin/providers"): for_some(OPERATE),
    ("POST", "auth/sso/admin/providers"): for_some(OPERATE, body=NEW),
    ("GET", "auth/sso/admin/providers/<key>"): for_some(OPERATE, key="sso"),
    ("PUT", "auth/sso/admin/providers/<key>"): for_some(OPERATE, key="sso", body={"display_name": "x"}),
    ("DELETE", "auth/sso/admin/providers/<key>"): for_some(OPERATE, key="sso"),
    ("GET", "auth/sso/pending-approvals"): for_some(OPERATE),
    ("POST", "auth/sso/pending-approvals/<key>/action"): for_some(OPERATE, key="approvals", body=DECIDED),
    ("GET", "admin/sso"): for_some(OPERATE),
    ("GET", "admin/sso/new"): for_some(OPERATE),
    ("POST", "admin/sso/new"): for_some(OPERATE, query="preset=oidc", body=NEW),
    ("POST", "admin/sso/waiting/<key>"): for_some(OPERATE, key="approvals", body=DECIDED),
    ("GET", "admin/sso/<key>"): for_some(OPERATE, key="sso"),
    ("POST", "admin/sso/<key>"): for_some(OPERATE, key="sso", body={"display_name": "x"}),
    ("POST", "admin/sso/<key>/rules"): for_some(OPERATE, key="sso"),
    ("POST", "admin/sso/<key>/preview"): for_some(OPERATE, key="sso", body={"claims": "{}", "email": ""}),
    ("POST", "admin/sso/<key>/test"): for_some(OPERATE, key="sso"),
    ("POST", "admin/sso/<key>/delete"): for_some(OPERATE, key="sso"),
}
