"""The tool that stands for an agent, kept as the agent is. For use inside units; no unit of its own."""

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

import msgspec
from django.utils import timezone

from proxy_app.federation.naming import taken_names
from proxy_app.federation.offer import MAX_DESCRIPTION, Item
from proxy_app.federation.taking import VIA
from proxy_app.models import Agent, Tool
from proxy_app.names import display_name, free_name, public_tool_name

# A change of any of these is another public name, or the same among others.
NAMED_BY = {"custom_name", "visibility", "team_id"}
# What nobody can change by hand.
OURS = {"original_name", "original_description", "annotations", "url"}
PREFIX = "a2a"
ARGUMENTS = {
    "query": "What the agent is told or asked",
    "contextId": "The conversation this belongs to, as an earlier answer named it",
    "taskId": "The task that waits for this, as an earlier answer named it",
}
SCHEMA = msgspec.json.encode(
    {
        "type": "object",
        "properties": {name: {"type": "string", "description": text} for name, text in ARGUMENTS.items()},
        "required": ["query"],
    }
).decode()


def keep_tool(agent: Agent, before: Mapping[str, Any]) -> None:
    """Make the agent's tool, or let it follow the agent. `before`: the agent's columns as they were.

    What somebody changed of the tool by hand stays: its name, its description, its tags, and whom it is for.
    """
    tool = Tool.objects.filter(agent=agent).first()
    if tool is None:
        tool = Tool(
            agent=agent, owner_id=agent.owner_id, created_by=agent.created_by, created_via=VIA, **_values(agent)
        )
        tool.integration_type, tool.request_type, tool.input_schema = Tool.Integration.A2A, "POST", SCHEMA
        _name(tool)
        tool.save(force_insert=True)
    elif changed := _follow(tool, _values(_as_it_was(agent, before)), _values(agent)):
        tool.version += 1
        tool.updated_at, tool.modified_by, tool.modified_via = timezone.now(), VIA, VIA
        if changed & NAMED_BY:
            _name(tool)
        tool.save(update_fields=[*changed, "name", "slug", "version", "updated_at", "modified_by", "modified_via"])


def _follow(tool: Tool, former: Item, wanted: Item) -> set[str]:
    """Set what is as the agent had it before and is not now; the names of that."""
    followed = {name for name in wanted if name in OURS or getattr(tool, name) == former[name]}
    changed = {name for name in followed if getattr(tool, name) != wanted[name]}
    for name in changed:
        setattr(tool, name, wanted[name])
    return changed


def _name(tool: Tool) -> None:
    """The name clients call, free in the scope of the tool."""
    taken = taken_names(Tool, tool, PREFIX, but=tool.pk)
    tool.name = tool.slug = free_name(public_tool_name("", tool.custom_name), taken)


def _as_it_was(agent: Agent, before: Mapping[str, Any]) -> Agent:
    former = copy(agent)
    for name, value in before.items():
        setattr(former, name, value)
    return former


def _values(agent: Agent) -> Item:
    """What the tool says where nobody has changed it."""
    name = f"{PREFIX}_{agent.slug}"
    description = "\n".join(_sentences(agent))[:MAX_DESCRIPTION]
    return {
        "original_name": name,
        "custom_name": name,
        "display_name": display_name(agent.name),
        "description": description,
        "original_description": description,
        "url": agent.endpoint_url,
        "annotations": {
            "title": f"A2A Agent: {agent.name}",
            "a2a_agent_id": agent.pk.hex,
            "a2a_agent_type": agent.agent_type,
        },
        "tags": list(dict.fromkeys(["a2a", "agent", *agent.tags])),
        "visibility": agent.visibility,
        "team_id": agent.team_id,
    }


def _sentences(agent: Agent) -> Iterator[str]:
    """What a model reads to choose it: what the agent is, and what it can do."""
    yield agent.description or f"A2A Agent: {agent.name}"
    for skill in agent.card.get("skills", []):
        yield f"- {skill['name']}: {skill['description']}" if skill["description"] else f"- {skill['name']}"
