"""What reading a registry needs: an upstream client that may call the loopback, and a database to write to."""

from tests.committed import db
from tests.federation.conftest import upstreams
from tests.pages.conftest import admin, guest

__all__ = ["admin", "db", "guest", "upstreams"]
