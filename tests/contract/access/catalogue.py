"""The catalogue of public servers: everybody looks; registering is making a gateway."""

from tests.contract.access.table import CHANGE, OPERATE, Table, for_some, signed_in

OF_BLUE = {"visibility": "team", "team_id": "{blue}"}

TABLE: Table = {
    ("GET", "catalog"): signed_in(),
    ("POST", "catalog/<key>/register"): for_some(CHANGE, key="entry", body=OF_BLUE),
    ("GET", "admin/catalogue"): signed_in(),
    # There is no registry to read: whoever may ask is told so.
    ("POST", "admin/catalogue-registry"): for_some(OPERATE),
    ("GET", "admin/catalogue/<key>"): signed_in(key="entry"),
    ("POST", "admin/catalogue/<key>"): for_some(CHANGE, key="entry", body=OF_BLUE),
}
