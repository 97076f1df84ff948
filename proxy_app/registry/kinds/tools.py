"""Tools: what clients can call, each offered by a gateway."""

from uuid import UUID

from django.db.models import Value
from django.db.models.functions import Coalesce
from pydantic import Field

from gatewaysite.validation import Line
from proxy_app.models import Tool
from proxy_app.names import slugify
from proxy_app.registry.columns import CHANGED, GATEWAY, NAMED, SWITCHED, TAGGED, VISIBLE
from proxy_app.registry.data import OFFERED, Absent, AnyObject, HexId, RegisteredData, as_text, embed
from proxy_app.registry.kind import Filter, Kind, PlainRow
from proxy_app.registry.storing import named_within_gateway
from proxy_app.registry.validation import McpName, Scoped


class ToolData(RegisteredData):
    originalName: str
    customName: str
    customNameSlug: str
    displayName: str
    title: str | None
    originalDescription: str | None
    integrationType: str
    requestType: str
    url: str
    inputSchema: AnyObject
    outputSchema: AnyObject | None
    annotations: AnyObject
    reachable: bool
    deprecated: bool
    timeoutMs: int | None
    gatewayId: HexId | None
    gatewaySlug: str
    exposePassthrough: bool
    jsonpathFilter: str
    headers: Absent
    auth: Absent
    baseUrl: Absent
    pathTemplate: Absent
    queryMapping: Absent
    headerMapping: Absent
    allowlist: Absent
    pluginChainPre: Absent
    pluginChainPost: Absent
    grpcServiceId: Absent
    extensionMetadata: Absent
    executionCount: Absent
    metrics: Absent
    _meta: AnyObject | None


class ToolUpdate(Scoped):
    """`customName` renames the tool for clients; `originalName`, what its upstream calls it, never changes."""

    name: McpName = ""
    custom_name: McpName = ""
    display_name: Line = ""
    deprecated: bool = False
    timeout_ms: int | None = Field(None, ge=1, le=600_000)


def complete(item: PlainRow) -> None:
    item["customNameSlug"] = slugify(item["customName"])
    item["reachable"] = item["reachable"] is not False  # nothing is known of it yet
    embed(item, "inputSchema", "outputSchema", "annotations", "_meta")


TOOLS = Kind(
    slug="tools",
    icon="tools",
    key="t",
    verbs=("execute",),
    singular="tool",
    explain="A tool is something a client can call; it is offered by a gateway and published under a name of ours.",
    model=Tool,
    data=ToolData,
    members={
        **OFFERED,
        "originalName": "original_name",
        "customName": "custom_name",
        "displayName": "display_name",
        "title": "title",
        "originalDescription": "original_description",
        "integrationType": "integration_type",
        "requestType": "request_type",
        "url": "url",
        "inputSchema": "input_schema",
        "outputSchema": "output_schema",
        "annotations": as_text("annotations"),
        "reachable": "gateway__reachable",
        "deprecated": "deprecated",
        "timeoutMs": "timeout_ms",
        "gatewaySlug": Coalesce("gateway__slug", Value("")),
        "_meta": as_text("meta"),
    },
    constants={"exposePassthrough": True, "jsonpathFilter": ""},
    complete=complete,
    update=ToolUpdate,
    create=None,
    why_not_created="Tools come from gateways: register a gateway, and the tools it offers are imported.",
    columns=(
        NAMED,
        SWITCHED,
        GATEWAY,
        TAGGED,
        VISIBLE,
        CHANGED,
    ),
    found=("display_name", "custom_name", "description"),
    search=("name", "description", "display_name", "original_name"),
    filters=(Filter(param="gateway_id", lookup="gateway_id", accepts=UUID, label="Gateway"),),
    store=named_within_gateway,
)
