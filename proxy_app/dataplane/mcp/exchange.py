"""One request on its way through the data plane: who asks, in which era, of which server, and how it went."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatewaysite import __version__
from proxy_app.dataplane.mcp.envelope import Request
from proxy_app.dataplane.recorded import Recorded
from proxy_app.observe.metrics import MCP_OPERATIONS
from proxy_app.observe.recorder import recorder
from proxy_app.observe.records import CallRecord
from proxy_app.snapshot.entries import Registry, ServerEntry, ToolEntry

# Who the client is told it speaks with (MCP, Implementation).
SERVER_INFO = {"name": "poolgate", "title": "Poolgate", "version": __version__}


@dataclass(slots=True)
class Exchange(Recorded):
    """`registry` is the snapshot the request was routed with; it stays the same until the answer."""

    request: Request
    registry: Registry
    server: ServerEntry | None
    modern: bool
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    # Whether the client is shown the three tools of `meta` in place of the others.
    searching: bool = False
    # Filled in on the way, for the record: the tool, or which of those three.
    tool: ToolEntry | None = None
    called: str = ""
    # The method as a metric's label: one we know, so that a caller cannot invent time series.
    label: str = "other"

    def ended(self) -> None:
        """Count it, and record it when a tool was called. Called once, however it ended."""
        seconds = self.elapsed_s
        MCP_OPERATIONS.labels(self.label, self.outcome).observe(seconds)
        if self.request.method == "tools/call":
            recorder.add(self._record(seconds))

    def _record(self, seconds: float) -> CallRecord:
        return self.common_record(self.request.method, seconds)._replace(
            tool_id=self.tool.id if self.tool else None,
            tool_name=self.tool.name if self.tool else self.called,
            server_id=self.server.id if self.server else None,
            gateway_id=self.tool.gateway_id if self.tool else None,
            agent_id=self.tool.agent_id if self.tool else None,
        )
