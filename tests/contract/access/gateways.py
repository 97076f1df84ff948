"""What gateways have beside the other kinds: changes to decide on, tests, and what goes along with them."""

from tests.contract.access.table import CHANGE, OWN_TEAM, SEE, SIGNED_IN, Table, for_some, of_blue

# Whoever may register something, if only for themself.
ADD = SIGNED_IN - {"read-only token"}
DECISION = {"ids": ["{drift}"]}
# Where nobody may be called, so that nobody is.
NOWHERE = "http://169.254.169.254/mcp"

TABLE: Table = {
    ("GET", "gateways/<key>/changes"): of_blue(SEE, "gateways"),
    # Who makes and changes a team's gateways does not approve what their servers make of them.
    ("POST", "gateways/<key>/changes/approve"): of_blue(OWN_TEAM, "gateways", body=DECISION),
    ("POST", "gateways/<key>/changes/reject"): of_blue(OWN_TEAM, "gateways", body=DECISION),
    ("GET", "admin/gateways/<key>/changes"): of_blue(SEE, "gateways"),
    ("POST", "admin/gateways/<key>/changes"): of_blue(OWN_TEAM, "gateways", body={"approve": "{drift}"}),
    ("GET", "gateways/<key>/impact-preview"): of_blue(SEE, "gateways"),
    ("GET", "mcp-servers/<key>/impact-preview"): of_blue(SEE, "gateways"),
    ("POST", "gateways/detect"): for_some(ADD, body={"url": NOWHERE}),
    ("POST", "mcp-servers/test-handshake"): for_some(ADD, body={"baseUrl": NOWHERE}),
    ("POST", "mcp-servers/test"): for_some(ADD, body={"baseUrl": NOWHERE}),
    ("POST", "admin/gateways/new/detect"): for_some(ADD, body={"url": NOWHERE}),
    ("GET", "admin/gateways/<key>/test"): of_blue(SEE, "gateways"),
    ("POST", "admin/gateways/<key>/test"): of_blue(CHANGE, "gateways"),
}
