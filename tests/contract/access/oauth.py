"""The authorization server, and connections to upstreams that want to know who calls."""

from tests.contract.access.table import (
    API_TOKENS,
    BROWSERS,
    CHANGE,
    OPERATE,
    SEE,
    SIGNED_IN,
    Line,
    Table,
    for_some,
    of_blue,
    public,
    signed_in,
)
from tests.oauth.conftest import CALLBACK, CHALLENGE

# A good request of a client: only a person at a browser lets it in.
ASKED = f"response_type=code&client_id={{client}}&redirect_uri={CALLBACK}&code_challenge={CHALLENGE}"
ASKED += "&code_challenge_method=S256&state=s"
CONSENT = for_some(BROWSERS, query=ASKED)
# Of the pages; there is no JSON for clients.
KEEP_CLIENTS = {"administrator"}
NAMED = {"client": "{client}"}
ISSUER = {"name": "Corp", "issuer": "https://new.example.com"}

TABLE: Table = {
    # Machines: they prove who they are in the body, and nobody's cookie or token counts.
    ("POST", "oauth/token"): public(),
    ("POST", "oauth/register"): public(),
    ("POST", "oauth/revoke"): public(),
    ("GET", "oauth/client-metadata.json"): public(),
    ("GET", "oauth/authorize"): CONSENT,
    ("POST", "oauth/authorize"): CONSENT,
    ("GET", "admin/profile/apps"): for_some(BROWSERS),
    ("POST", "admin/profile/apps/<key>/withdraw"): Line({"member"}, API_TOKENS | {"program"}, "consents"),
    ("GET", "admin/oauth-clients"): for_some(KEEP_CLIENTS),
    ("GET", "admin/oauth-clients/new"): for_some(KEEP_CLIENTS),
    ("POST", "admin/oauth-clients/new"): for_some(KEEP_CLIENTS, body={"name": "x", "redirect_uris": CALLBACK}),
    ("POST", "admin/oauth-clients/enable"): for_some(KEEP_CLIENTS, body=NAMED),
    ("POST", "admin/oauth-clients/disable"): for_some(KEEP_CLIENTS, body=NAMED),
    ("POST", "admin/oauth-clients/delete"): for_some(KEEP_CLIENTS, body=NAMED),
    ("GET", "oauth/issuers"): for_some(OPERATE),
    ("POST", "oauth/issuers"): for_some(OPERATE, body=ISSUER),
    ("GET", "oauth/issuers/<key>"): for_some(OPERATE, key="issuers"),
    ("PUT", "oauth/issuers/<key>"): for_some(OPERATE, key="issuers", body={"name": "x"}),
    ("DELETE", "oauth/issuers/<key>"): for_some(OPERATE, key="issuers"),
    # The gateway of the path is Blue's, with one connection for everybody.
    ("GET", "oauth/status/<key>"): of_blue(SEE, "connected"),
    ("GET", "oauth/connections"): signed_in(),
    ("DELETE", "oauth/connections/<key>"): of_blue(CHANGE, "connected"),
    ("POST", "oauth/fetch-tools/<key>"): of_blue(CHANGE, "connected"),
    ("GET", "oauth/registered-clients"): for_some(OPERATE),
    ("GET", "oauth/registered-clients/<key>"): for_some(OPERATE, key="connected"),
    ("DELETE", "oauth/registered-clients/<key>"): for_some(OPERATE, key="registered"),
    # Where there is no data plane nobody is sent anywhere, so it is 503 for whichever person; see tests/connecting.
    ("GET", "oauth/authorize/<key>"): Line(BROWSERS, SIGNED_IN - BROWSERS, "connected"),
    # A way back that was not begun: the same for everybody.
    ("GET", "oauth/callback"): public(),
    ("GET", "admin/connected"): signed_in(),
    ("POST", "admin/connected/<key>/disconnect"): of_blue(CHANGE, "connected"),
}
