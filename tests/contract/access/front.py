"""What people see first."""

from tests.contract.access.table import Table, public, signed_in

TABLE: Table = {
    ("GET", ""): public(),
    ("GET", "admin"): signed_in(),
    ("GET", "admin/start"): signed_in(),
    ("POST", "admin/start/done"): signed_in(),
    ("POST", "admin/theme"): public(),
}
