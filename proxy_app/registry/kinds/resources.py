"""Resources: what clients can read by URI, each offered by a gateway."""

from typing import Any
from uuid import UUID

from proxy_app.models import Resource
from proxy_app.registry import data
from proxy_app.registry.data import Absent, AnyObject, Hex, HexId, RegisteredData, as_text, embedded, registered
from proxy_app.registry.kind import Column, Filter, Kind
from proxy_app.registry.storing import named
from proxy_app.registry.validation import Name, Scoped


class ResourceData(RegisteredData):
    originalName: str
    customNameSlug: str
    title: str | None
    uri: str
    uriTemplate: str | None
    mimeType: str | None
    size: int | None
    annotations: AnyObject | None
    gatewayId: HexId | None
    extensionMetadata: Absent
    metrics: Absent
    _meta: AnyObject | None


class ResourceUpdate(Scoped):
    """Its URI is the upstream's, and stays."""

    name: Name = ""


def to_data(row: Any) -> ResourceData:
    return {
        **registered(row, source=row.gateway__name),
        "originalName": row.original_name,
        "customNameSlug": row.slug,
        "title": row.title,
        "uri": row.uri,
        "uriTemplate": row.uri_template,
        "mimeType": row.mime_type,
        "size": row.size,
        "annotations": embedded(row.annotations_text),
        "gatewayId": row.gateway_hex,
        "extensionMetadata": None,
        "metrics": None,
        "_meta": embedded(row.meta_text),
    }


RESOURCES = Kind(
    slug="resources",
    singular="resource",
    explain="A resource is something a client can read by its URI: a file, a page, a row.",
    model=Resource,
    data=ResourceData,
    to_data=to_data,
    update=ResourceUpdate,
    create=None,
    why_not_created="Resources come from gateways: register a gateway, and the resources it offers are imported.",
    fields=(
        *data.FIELDS,
        "slug",
        "original_name",
        "title",
        "uri",
        "uri_template",
        "mime_type",
        "size",
        "gateway__name",
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
        Column(key="uri", label="URI", sort="uri", template="registry/cells/code.html"),
        Column(key="mimeType", label="Type", sort="mime_type"),
        Column(key="visibility", label="Visible to", sort="visibility"),
        Column(key="updatedAt", label="Changed", sort="updated_at", template="registry/cells/time.html"),
    ),
    search=("name", "description", "uri", "title"),
    filters=(Filter(param="gateway_id", lookup="gateway_id", accepts=UUID, label="Gateway"),),
    store=named,
)
