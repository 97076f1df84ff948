"""Prompts: templates of messages that clients can ask for, each offered by a gateway."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import WithJsonSchema

from gatewaysite.validation import Line
from proxy_app.models import Prompt
from proxy_app.names import slugify
from proxy_app.registry.columns import CHANGED, GATEWAY, NAMED, SWITCHED, TAGGED, VISIBLE
from proxy_app.registry.data import OFFERED, Absent, AnyObject, HexId, RegisteredData, as_text, embed
from proxy_app.registry.kind import Filter, Kind, PlainRow
from proxy_app.registry.storing import named_within_gateway
from proxy_app.registry.validation import Name, Scoped

Arguments = Annotated[Any, WithJsonSchema({"type": "array", "items": {"type": "object"}})]


class PromptData(RegisteredData):
    originalName: str
    customName: str
    customNameSlug: str
    displayName: str
    title: str | None
    template: str
    arguments: Arguments
    gatewayId: HexId | None
    gatewaySlug: str | None
    metrics: Absent
    _meta: AnyObject | None


class PromptUpdate(Scoped):
    """`customName` renames the prompt for clients; `originalName`, what its upstream calls it, never changes."""

    name: Name = ""
    custom_name: Name = ""
    display_name: Line = ""


def complete(item: PlainRow) -> None:
    item["customNameSlug"] = slugify(item["customName"])
    embed(item, "arguments", "_meta")


PROMPTS = Kind(
    slug="prompts",
    icon="prompts",
    key="p",
    singular="prompt",
    explain="A prompt is a template of messages that a client can ask for by name.",
    model=Prompt,
    data=PromptData,
    members={
        **OFFERED,
        "originalName": "original_name",
        "customName": "custom_name",
        "displayName": "display_name",
        "title": "title",
        "template": "template",
        "arguments": as_text("arguments"),
        "gatewaySlug": "gateway__slug",
        "_meta": as_text("meta"),
    },
    complete=complete,
    update=PromptUpdate,
    create=None,
    why_not_created="Prompts come from gateways: register a gateway, and the prompts it offers are imported.",
    columns=(
        NAMED,
        SWITCHED,
        GATEWAY,
        TAGGED,
        VISIBLE,
        CHANGED,
    ),
    found=("original_name", "display_name", "description"),
    search=("name", "description", "display_name", "original_name"),
    filters=(Filter(param="gateway_id", lookup="gateway_id", accepts=UUID, label="Gateway"),),
    store=named_within_gateway,
)
