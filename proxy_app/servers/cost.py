"""What a server's list of tools costs a model that reads it, estimated from the JSON as it is sent.

How many tokens a text is depends on the model. One for four characters is close enough to tell 500 from 50,000, and
needs no tokenizer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict
from uuid import UUID

from proxy_app.dataplane.mcp.lists import tool_json
from proxy_app.dataplane.mcp.meta import TOOLS_JSON
from proxy_app.snapshot.entries import Registry
from proxy_app.snapshot.keeper import current
from proxy_app.snapshot.places import with_description

CHARACTERS_PER_TOKEN = 4
# Past either a model chooses worse, and every conversation pays for the list before it has begun.
MANY_TOOLS, MANY_TOKENS = 40, 20_000
SEARCH_TOKENS = len(TOOLS_JSON.decode()) // CHARACTERS_PER_TOKEN


class ContextCost(TypedDict):
    tools: int
    tokens: int
    listed: int


@dataclass(frozen=True)
class Cost:
    """`tools` and `tokens` are of all its tools; `by_tool` has the tokens of each by id."""

    tools: int
    tokens: int
    by_tool: Mapping[str, int]
    searched: bool

    @property
    def listed(self) -> int:
        """What its clients are really shown."""
        return SEARCH_TOKENS if self.searched else self.tokens

    @property
    def is_much(self) -> bool:
        return not self.searched and (self.tools > MANY_TOOLS or self.tokens > MANY_TOKENS)

    def as_data(self) -> ContextCost:
        return {"tools": self.tools, "tokens": self.tokens, "listed": self.listed}


def cost_of(server: Mapping[str, Any]) -> Cost:
    """Of a server's plain item, for whoever sees these members of it. From memory, so of what is in service."""
    registry = current().registry
    characters = {
        member["id"]: size
        for member in server["members"]
        if member["kind"] == "tool" and member["enabled"] and (size := _characters(registry, member))
    }
    by_tool = {key: max(1, size // CHARACTERS_PER_TOKEN) for key, size in characters.items()}
    total = (sum(characters.values()) + len(characters) + 1) // CHARACTERS_PER_TOKEN  # what is between and around too
    return Cost(len(characters), total, by_tool, server["toolMode"] == "search")


def cost_sentence(cost: Cost) -> str:
    if not cost.tools:
        return "Its list of tools is empty."
    tools = "one tool" if cost.tools == 1 else f"{cost.tools:,} tools"
    whole = f"about {cost.tokens:,} tokens for {tools}"
    if cost.searched:
        return f"Its clients read about {SEARCH_TOKENS:,} tokens: three tools that find and call the others ({whole})."
    return f"Its list of tools costs a model {whole}, in every conversation."


def _characters(registry: Registry, member: Mapping[str, Any]) -> int:
    """None that is out of service: its gateway is switched off, or it is itself."""
    tool = registry.tools.get(UUID(member["id"]))
    if tool is None:
        return 0
    size = len(tool_json(member["alias"] or tool.name, tool).decode())
    if member["description"]:
        size += len(with_description(tool.wire, member["description"]).decode()) - len(tool.wire.decode())
    return size
