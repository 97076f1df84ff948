"""What operators look at and do."""

from tests.contract.access.table import OPERATE, SIGNED_IN, Line, Table, for_some

TABLE: Table = {
    ("GET", "ops/attestations"): for_some(OPERATE),
    ("POST", "ops/attestations"): for_some(OPERATE, body={"seconds": 5}),
    ("GET", "ops/attestations/<key>"): for_some(OPERATE, key="attestations"),
    ("GET", "ops/settings"): for_some(OPERATE),
    ("GET", "admin/settings"): for_some(OPERATE),
    ("GET", "admin/connections"): for_some(OPERATE),
    ("GET", "admin/upstreams"): for_some(OPERATE),
    # Nothing was called yet, so that there is no upstream, for whoever may ask.
    ("GET", "admin/upstreams/<key>"): Line(set(), SIGNED_IN - OPERATE, "gateways"),
    ("POST", "admin/upstreams/<key>/recreate"): for_some(OPERATE, key="gateways"),
    ("GET", "admin/attestations"): for_some(OPERATE),
    ("POST", "admin/attestations/start"): for_some(OPERATE, body={"seconds": "60"}),
    ("GET", "admin/attestations/<key>"): for_some(OPERATE, key="attestations"),
    ("GET", "admin/attestations/<key>/progress"): for_some(OPERATE, key="attestations"),
    # The one of the path was lost, so that there is no report.
    ("GET", "admin/attestations/<key>/report.json"): Line(set(), SIGNED_IN - OPERATE, "attestations"),
}
