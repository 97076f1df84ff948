"""What is recorded, before it is a row."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class CallRecord(NamedTuple):
    """One row of `Call`; its fields are the columns, in this order."""

    at: datetime
    request_id: str
    user_id: UUID | None
    token_id: UUID | None
    method: str
    outcome: str
    duration_ms: float
    upstream_ms: float | None
    # Of calls of MCP's.
    tool_id: UUID | None = None
    tool_name: str = ""
    server_id: UUID | None = None
    gateway_id: UUID | None = None
    # Of requests through a proxy route.
    route_id: UUID | None = None
    path: str = ""
    status: int | None = None
    request_bytes: int | None = None
    response_bytes: int | None = None
    # Of messages to agents, as tools or as themselves.
    agent_id: UUID | None = None
