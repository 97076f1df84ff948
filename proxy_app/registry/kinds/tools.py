"""Tools: what clients can call, each offered by a gateway."""

from typing import Any
from uuid import UUID

from pydantic import Field

from gatewaysite.responses import JsonText
from proxy_app.models import Tool
from proxy_app.names import slugify
from proxy_app.registry import data
from proxy_app.registry.data import Absent, AnyObject, Hex, HexId, RegisteredData, as_text, embedded, registered
from proxy_app.registry.kind import Column, Filter, Kind
from proxy_app.registry.storing import named_within_gateway
from proxy_app.registry.validation import Line, McpName, Scoped


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


def to_data(row: Any) -> ToolData:
    return {
        **registered(row, source=row.gateway__name),
        "originalName": row.original_name,
        "customName": row.custom_name,
        "customNameSlug": slugify(row.custom_name),
        "displayName": row.display_name,
        "title": row.title,
        "originalDescription": row.original_description,
        "integrationType": row.integration_type,
        "requestType": row.request_type,
        "url": row.url,
        "inputSchema": JsonText(row.input_schema),
        "outputSchema": embedded(row.output_schema),
        "annotations": JsonText(row.annotations_text),
        "reachable": row.gateway__reachable is not False,
        "deprecated": row.deprecated,
        "timeoutMs": row.timeout_ms,
        "gatewayId": row.gateway_hex,
        "gatewaySlug": row.gateway__slug or "",
        "exposePassthrough": True,
        "jsonpathFilter": "",
        "headers": None,
        "auth": None,
        "baseUrl": None,
        "pathTemplate": None,
        "queryMapping": None,
        "headerMapping": None,
        "allowlist": None,
        "pluginChainPre": None,
        "pluginChainPost": None,
        "grpcServiceId": None,
        "extensionMetadata": None,
        "executionCount": None,
        "metrics": None,
        "_meta": embedded(row.meta_text),
    }


TOOLS = Kind(
    slug="tools",
    singular="tool",
    explain="A tool is something a client can call; it is offered by a gateway and published under a name of ours.",
    model=Tool,
    data=ToolData,
    to_data=to_data,
    update=ToolUpdate,
    create=None,
    why_not_created="Tools come from gateways: register a gateway, and the tools it offers are imported.",
    fields=(
        *data.FIELDS,
        "original_name",
        "custom_name",
        "display_name",
        "title",
        "original_description",
        "integration_type",
        "request_type",
        "url",
        "input_schema",
        "output_schema",
        "deprecated",
        "timeout_ms",
        "gateway__slug",
        "gateway__name",
        "gateway__reachable",
    ),
    annotations={
        **data.ANNOTATIONS,
        "gateway_hex": Hex("gateway_id"),
        "annotations_text": as_text("annotations"),
        "meta_text": as_text("meta"),
    },
    columns=(
        Column(key="name", label="Name", sort="name"),
        Column(key="enabled", label="State", sort="enabled", template="registry/cells/state.html"),
        Column(key="gatewaySlug", label="Gateway", sort="gateway__slug"),
        Column(key="tags", label="Tags", template="registry/cells/tags.html"),
        Column(key="visibility", label="Visible to", sort="visibility"),
        Column(key="updatedAt", label="Changed", sort="updated_at", template="registry/cells/time.html"),
    ),
    search=("name", "description", "display_name", "original_name"),
    filters=(Filter(param="gateway_id", lookup="gateway_id", accepts=UUID, label="Gateway"),),
    store=named_within_gateway,
)
