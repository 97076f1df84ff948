"""Prompts: templates of messages that clients can ask for: of our own, or offered by a gateway."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from gatewaysite.validation import Body, Line, bad_field, plain_text
from proxy_app.content.stored import ARGUMENTS_LIMIT, settled_arguments
from proxy_app.content.templating import ARGUMENT_NAME, TEMPLATE_LIMIT, BadTemplate, parse
from proxy_app.models import Prompt, PromptVersion
from proxy_app.names import slugify
from proxy_app.registry.columns import CHANGED, GATEWAY, NAMED, SWITCHED, TAGGED, VISIBLE
from proxy_app.registry.data import OFFERED, Absent, AnyObject, HexId, RegisteredData, as_text, embed
from proxy_app.registry.kind import Change, Filter, Kind, PlainRow, Values
from proxy_app.registry.storing import named_within_gateway, require_own
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
    held: str


def _parsed(text: str) -> str:
    try:
        parse(text)
    except BadTemplate as error:
        raise PydanticCustomError("template", "{why}", {"why": str(error)}) from error
    return text


TemplateText = Annotated[
    str, StringConstraints(max_length=TEMPLATE_LIMIT), AfterValidator(plain_text), AfterValidator(_parsed)
]


class Argument(Body):
    name: Annotated[str, StringConstraints(pattern=f"^{ARGUMENT_NAME.pattern}$")]
    description: Annotated[str, StringConstraints(max_length=1000), AfterValidator(plain_text)] | None = None
    required: bool = False


class PromptUpdate(Scoped):
    """`customName` renames the prompt for clients; `originalName`, what its upstream calls it, never changes.

    Template and arguments are those of prompts of our own; a gateway's are its upstream's, and stay.
    """

    name: Name = ""
    custom_name: Name = ""
    display_name: Line = ""
    title: Line | None = None
    template: TemplateText = Field("", description="Text with {{ arguments }}, filters and {% if %}.")
    arguments: Annotated[list[Argument], Field(max_length=ARGUMENTS_LIMIT)] = Field(
        [], description="Left out, they are read from the template."
    )


class PromptCreate(PromptUpdate):
    name: Name
    template: TemplateText


def complete(item: PlainRow) -> None:
    item["customNameSlug"] = slugify(item["customName"])
    embed(item, "arguments", "_meta")


OWN = ("template", "arguments", "title")


def store(row: Prompt, values: Values) -> Values:
    require_own(row, values, OWN)
    columns = dict(named_within_gateway(row, values))
    if row.gateway_id is not None:
        return columns
    if row._state.adding:
        columns = {"original_name": columns["custom_name"], "display_name": columns["custom_name"]} | columns
    if columns.keys() & {"template", "arguments"}:
        columns["arguments"] = _arguments(row, columns)
    return columns


def _arguments(row: Prompt, columns: Values) -> list[dict[str, Any]]:
    """As they were given, or else those that the template uses, and what is known of them."""
    template = parse(columns.get("template", row.template))
    if len(used := template.arguments()) > ARGUMENTS_LIMIT:
        raise bad_field("template", f"A template has at most {ARGUMENTS_LIMIT} arguments")
    if "arguments" not in columns:
        return settled_arguments(template, row.arguments)
    given = [{"description": None, "required": False} | argument for argument in columns["arguments"]]
    names = [argument["name"] for argument in given]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise bad_field("arguments", f"Named twice: {', '.join(twice)}")
    if missing := [name for name in used if name not in names]:
        raise bad_field("arguments", f"The template uses {', '.join(missing)}, too")
    return [{name: argument[name] for name in ("name", "description", "required")} for argument in given]


def saved(change: Change) -> None:
    """Keep what the template is now beside what it was."""
    row = change.row
    if row.gateway_id is not None or not (change.is_new or change.before.keys() & {"template", "arguments"}):
        return
    last = PromptVersion.objects.filter(prompt=row).order_by("-number").values_list("number", flat=True).first()
    by = row.modified_by or row.created_by
    PromptVersion.objects.create(
        prompt=row, number=(last or 0) + 1, template=row.template, arguments=row.arguments, at=row.updated_at, by=by
    )


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
        "held": "held",
    },
    complete=complete,
    update=PromptUpdate,
    create=PromptCreate,
    own=frozenset(OWN),
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
    store=store,
    saved=saved,
)
