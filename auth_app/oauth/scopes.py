"""The OAuth scopes there are: what each lets a client do, in permissions for us and in words for people.

A scope takes away and never adds, as that of an API token: see auth_app.policy.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """`permissions`: patterns, see auth_app.permissions."""

    name: str
    words: str
    permissions: frozenset[str]


LOOK = Scope(
    "mcp:read",
    "See which tools, resources and prompts there are, and read them.",
    frozenset({"servers.read", "servers.use", "tools.read", "resources.read", "prompts.read"}),
)
CALL = Scope("mcp:call", "Call tools, in your name.", frozenset({"tools.execute"}))

SCOPES = {scope.name: scope for scope in (LOOK, CALL)}
SUPPORTED = tuple(SCOPES)
NEEDED = {"tools/call": (LOOK.name, CALL.name)}


def needed_for(method: str) -> tuple[str, ...]:
    """The scopes without which this MCP method is refused."""
    return NEEDED.get(method, (LOOK.name,))


def known(names: Iterable[str]) -> list[str]:
    """Those of them that there are, each once, in our order."""
    asked = set(names)
    return [name for name in SUPPORTED if name in asked]


def permissions_of(names: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*(SCOPES[name].permissions for name in known(names)))


def words_of(names: Iterable[str]) -> list[str]:
    return [SCOPES[name].words for name in known(names)]
