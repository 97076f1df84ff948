"""The whole gateway in one process over its ASGI application; servers on real sockets."""

from tests.committed import db
from tests.connecting.conftest import house, people

__all__ = ["db", "house", "people"]
