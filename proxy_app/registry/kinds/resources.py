"""Resources: what clients can read by URI, each offered by a gateway."""

from uuid import UUID

from proxy_app.models import Resource
from proxy_app.registry.data import OFFERED, Absent, AnyObject, HexId, RegisteredData, as_text, embed
from proxy_app.registry.kind import Column, Filter, Kind, PlainRow
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


def complete(item: PlainRow) -> None:
    embed(item, "annotations", "_meta")


RESOURCES = Kind(
    slug="resources",
    singular="resource",
    explain="A resource is something a client can read by its URI: a file, a page, a row.",
    model=Resource,
    data=ResourceData,
    members={
        **OFFERED,
        "originalName": "original_name",
        "customNameSlug": "slug",
        "title": "title",
        "uri": "uri",
        "uriTemplate": "uri_template",
        "mimeType": "mime_type",
        "size": "size",
        "annotations": as_text("annotations"),
        "_meta": as_text("meta"),
    },
    complete=complete,
    update=ResourceUpdate,
    create=None,
    why_not_created="Resources come from gateways: register a gateway, and the resources it offers are imported.",
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
