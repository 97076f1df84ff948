"""Real transactions: units of work run on other threads."""

from tests.committed import db

__all__ = ["db"]
