"""Taking the configuration away, and bringing it in: administrators, and whoever owns a team that is not their own."""

from tests.contract.access.table import OPERATE, OWN_TEAM, SIGNED_IN, Line, Table, for_some, public

# The import of the path is the administrator's: owners of a team know of their own only.
OF_THE_ADMINISTRATOR = Line(OPERATE, SIGNED_IN, "transfers", but={"owner": "404"})
NOTHING = {"format": "poolgate/1"}

TABLE: Table = {
    ("GET", "export"): for_some(OWN_TEAM),
    ("POST", "export/selective"): for_some(OWN_TEAM, body={"gateways": []}),
    ("POST", "import"): for_some(OWN_TEAM, body={"import_data": NOTHING, "dry_run": True}),
    ("POST", "import/plan"): for_some(OWN_TEAM, body={"import_data": NOTHING}),
    ("GET", "import/status"): for_some(OWN_TEAM),
    ("GET", "import/status/<key>"): OF_THE_ADMINISTRATOR,
    ("POST", "import/cleanup"): for_some(OWN_TEAM),
    ("GET", "schema/config.json"): public(),
    ("GET", "admin/transfer"): for_some(OWN_TEAM),
    ("GET", "admin/transfer/export"): for_some(OWN_TEAM),
    ("POST", "admin/transfer/plan"): for_some(OWN_TEAM, body={"text": "format: poolgate/1", "strategy": "update"}),
    ("GET", "admin/transfer/<key>"): OF_THE_ADMINISTRATOR,
    ("POST", "admin/transfer/<key>/apply"): OF_THE_ADMINISTRATOR,
    ("GET", "admin/transfer/<key>/progress"): OF_THE_ADMINISTRATOR,
}
