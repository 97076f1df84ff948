"""The people that the registry's tests know."""

from tests.registry.conftest import admin, people

__all__ = ["admin", "people"]
