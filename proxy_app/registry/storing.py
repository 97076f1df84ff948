"""What kinds share in their `store` hooks: which columns a name sets."""

from collections.abc import Sequence

from gatewaysite.validation import bad_field
from proxy_app.models import Gateway, Prompt, Resource, Tool
from proxy_app.names import public_tool_name, slugify
from proxy_app.registry.kind import Values


def named(row: object, values: Values) -> Values:
    """The values, with the slug that follows from a new name."""
    return {**values, "slug": slugify(values["name"])} if "name" in values else values


def named_within_gateway(row: Tool | Prompt, values: Values) -> Values:
    """The values of an item whose public name is made of its gateway's slug and its own name.

    `name` is another word for `custom_name`, as long as it is not the public name itself: sending back what was read
    renames nothing.
    """
    columns = {name: value for name, value in values.items() if name != "name"}
    if values.get("name", row.name) != row.name and columns.setdefault("custom_name", values["name"]) != values["name"]:
        raise bad_field("name", "Given twice, and differently, as name and as customName")
    if "custom_name" in columns:
        columns["name"] = columns["slug"] = public_tool_name(_gateway_slug(row), columns["custom_name"])
    return columns


def require_own(row: Prompt | Resource, values: Values, own: Sequence[str]) -> None:
    """What a gateway offers is its upstream's: these fields of it are not ours to write. Raises BadInput."""
    if row.gateway_id is not None and (foreign := [name for name in own if name in values]):
        raise bad_field(foreign[0], "A gateway offers this; it is as its upstream has it")


def _gateway_slug(row: Tool | Prompt) -> str:
    if row.gateway_id is None:
        return ""
    return Gateway.objects.values_list("slug", flat=True).get(pk=row.gateway_id)
