"""The test database with real transactions."""

from tests.committed import db

__all__ = ["db"]
