"""A gateway whose server offers what a test says, and people who look at what has changed."""

from typing import Any

from proxy_app.federation.offer import read_offer
from proxy_app.federation.work import finish_sync
from proxy_app.models import Gateway
from proxy_app.upstream.mcp import Discovery
from tests.registry.conftest import admin, people

__all__ = ["admin", "people"]

DISCOVERY = Discovery(
    era="legacy",
    protocol_version="2025-11-25",
    server_name="scripted",
    server_version="1.0",
    capabilities={"tools": {}},
    instructions="",
)


def synced(gateway: Gateway, *tools: Any, resources: Any = (), prompts: Any = ()) -> str:
    """How a refresh ends that finds these; tools by name, or with what differs from a plain one."""
    items = [tool if isinstance(tool, dict) else {"name": tool} for tool in tools]
    offer = read_offer(
        [{"inputSchema": {"type": "object"}} | item for item in items], list(resources), [], list(prompts)
    )
    outcome = finish_sync(gateway.pk, DISCOVERY, offer)
    gateway.refresh_from_db()
    return outcome


def changes_of(caller: Any, gateway: Gateway) -> list[dict[str, Any]]:
    answer = caller.get(f"/gateways/{gateway.pk.hex}/changes")
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["changes"]
    return found


def decide(caller: Any, gateway: Gateway, word: str, *ids: str) -> Any:
    return caller.post(f"/gateways/{gateway.pk.hex}/changes/{word}", {"ids": list(ids)})
