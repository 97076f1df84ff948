"""Tools: what clients can call. A gateway offers one, or it stands for an agent, or it is made of a REST API."""

from typing import Annotated, Any
from uuid import UUID

from django.db.models import Case, TextField, Value, When
from django.db.models.functions import Coalesce, NullIf
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from gatewaysite.validation import Line, plain_text
from proxy_app.models import Tool
from proxy_app.names import slugify
from proxy_app.registry.columns import CHANGED, GATEWAY, NAMED, SWITCHED, TAGGED, VISIBLE
from proxy_app.registry.credentials import masked
from proxy_app.registry.data import OFFERED, Absent, AnyObject, Hex, HexId, RegisteredData, as_text, embed
from proxy_app.registry.kind import Filter, Kind, PlainRow, Values
from proxy_app.registry.rest_bodies import Rest
from proxy_app.registry.rest_tools import changed, columns_of, of_a_new_one, unchanged
from proxy_app.registry.storing import named_within_gateway
from proxy_app.registry.validation import McpName, Scoped

Hosts = Annotated[Any, WithJsonSchema({"type": "array", "items": {"type": "string"}})]
ShortNote = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(plain_text)]


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
    deprecationNote: str
    timeoutMs: int | None
    gatewayId: HexId | None
    gatewaySlug: str
    agentId: HexId | None
    exposePassthrough: bool
    jsonpathFilter: str
    headers: AnyObject | None
    auth: AnyObject | None
    baseUrl: str | None
    pathTemplate: str | None
    queryMapping: AnyObject | None
    headerMapping: AnyObject | None
    bodyEncoding: str
    bodyArgument: str
    operation: str
    allowlist: Hosts | None
    pluginChainPre: Absent
    pluginChainPost: Absent
    grpcServiceId: Absent
    extensionMetadata: Absent
    executionCount: Absent
    metrics: Absent
    _meta: AnyObject | None
    held: str
    pin: str | None


class ToolUpdate(Scoped, Rest):
    """`customName` renames the tool for clients; `originalName`, what its upstream calls it, never changes.

    Of a tool that a gateway offers, only what stands here itself can be changed.
    """

    name: McpName = ""
    custom_name: McpName = ""
    display_name: Line = ""
    deprecated: bool = False
    deprecation_note: ShortNote = Field("", description="What people read of it: what to use instead, and until when.")
    timeout_ms: int | None = Field(None, ge=1, le=600_000)


class ToolCreate(ToolUpdate):
    """A REST tool. Arguments that stand nowhere else go into the query, or into the body of POST, PUT and PATCH."""

    name: McpName


def complete(item: PlainRow) -> None:
    item["customNameSlug"] = slugify(item["customName"])
    item["reachable"] = item["reachable"] is not False  # nothing is known of it yet
    item["auth"] = _auth(item["auth"])
    embed(item, "inputSchema", "outputSchema", "annotations", "headers", "queryMapping", "headerMapping", "_meta")
    embed(item, "allowlist")


def written(item: PlainRow) -> PlainRow:
    """With the credential flat, as every kind has it."""
    return item | masked((item["auth"] or {}).get("authType", ""))


def _auth(kind: str) -> PlainRow | None:
    """That there is a credential, and of which kind, by the names of the existing system."""
    if not kind:
        return None
    told = masked(kind)
    return {
        "authType": kind,
        "authValue": None,
        "username": told["authUsername"] or "",
        "password": told["authPassword"] or "",
        "token": told["authToken"] or "",
        "authHeaderKey": told["authHeaderKey"] or "",
        "authHeaderValue": told["authHeaderValue"] or "",
        "authHeaders": None,
    }


def store(row: Tool, values: Values) -> Values:
    columns = dict(named_within_gateway(row, values))
    if row._state.adding and row.gateway_id is None:
        return of_a_new_one(row, columns)
    return changed(row, columns) if row.integration_type == Tool.Integration.REST else unchanged(row, columns)


TOOLS = Kind(
    slug="tools",
    icon="tools",
    key="t",
    verbs=("execute",),
    singular="tool",
    explain="A tool is something a client can call; a gateway or an agent offers it, or it is made of a REST API here.",
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
        "reachable": Coalesce("gateway__reachable", "agent__reachable"),
        "deprecated": "deprecated",
        "deprecationNote": "deprecation_note",
        "timeoutMs": "timeout_ms",
        "gatewaySlug": Coalesce("gateway__slug", Value("")),
        "jsonpathFilter": "jsonpath_filter",
        "headers": NullIf(as_text("fixed_headers"), Value("{}", output_field=TextField())),
        "auth": "auth_type",
        "baseUrl": NullIf("base_url", Value("")),
        "pathTemplate": Case(When(base_url="", then=None), default="path_template"),
        "queryMapping": as_text("query_mapping"),
        "headerMapping": as_text("header_mapping"),
        "bodyEncoding": "body_encoding",
        "bodyArgument": "body_argument",
        "operation": "operation",
        "allowlist": as_text("allowlist"),
        "agentId": Hex("agent_id"),
        "_meta": as_text("meta"),
        "held": "held",
        "pin": NullIf("pin", Value("")),
    },
    constants={"exposePassthrough": True},
    complete=complete,
    update=ToolUpdate,
    create=ToolCreate,
    written=written,
    own=frozenset(Rest.model_fields) - {"title"},
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
    filters=(
        Filter(param="gateway_id", lookup="gateway_id", accepts=UUID, label="Gateway"),
        Filter(param="agent_id", lookup="agent_id", accepts=UUID, label="Agent"),
    ),
    prepare=columns_of,
    store=store,
)
