"""Resources: what clients can read by URI, each offered by a gateway."""

from uuid import UUID

from proxy_app.models import Resource
from proxy_app.registry.columns import CHANGED, CODE, NAMED, SWITCHED, VISIBLE
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
    icon="resources",
    key="r",
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
        NAMED,
        SWITCHED,
        Column(key="uri", label="URI", sort="uri", template=CODE, narrow="second"),
        Column(key="mimeType", label="Type", sort="mime_type"),
        VISIBLE,
        CHANGED,
    ),
    search=("name", "description", "uri", "title"),
    filters=(Filter(param="gateway_id", lookup="gateway_id", accepts=UUID, label="Gateway"),),
    store=named,
)
