"""Resources: what clients can read by URI: of our own, or offered by a gateway."""

from typing import Annotated, Any
from uuid import UUID

from django.db.models import Case, F, Func, TextField, Value, When
from django.db.models.functions import Replace
from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from gatewaysite.validation import Line, bad_field, plain_text
from proxy_app.content.stored import ANY_BYTES, CONTENT_LIMIT_BYTES, MIME_TYPE, PLAIN_TEXT, Content, bytes_of
from proxy_app.content.uris import BadUri, check_template, check_uri
from proxy_app.models import Resource, ResourceContent
from proxy_app.registry.columns import CHANGED, CODE, NAMED, SWITCHED, VISIBLE
from proxy_app.registry.data import OFFERED, Absent, AnyObject, HexId, RegisteredData, as_text, embed
from proxy_app.registry.kind import Change, Column, Filter, Kind, PlainRow, Values
from proxy_app.registry.storing import named, require_own
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
    held: str


def _uri(text: str) -> str:
    """The address of one, or a template of many; which of the two is judged when both are known."""
    try:
        return check_template(text) if "{" in text else check_uri(text)
    except BadUri as error:
        raise PydanticCustomError("resource_uri", "{why}", {"why": str(error)}) from error


def _template(text: str) -> str:
    try:
        return check_template(text)
    except BadUri as error:
        raise PydanticCustomError("uri_template", "{why}", {"why": str(error)}) from error


def _mime_type(text: str) -> str:
    if not MIME_TYPE.fullmatch(text):
        raise PydanticCustomError("mime_type", "This is no MIME type, such as text/plain")
    return text


def _short(text: str) -> str:
    if len(text.encode(errors="replace")) > CONTENT_LIMIT_BYTES:
        raise PydanticCustomError("too_long", "Content has at most {limit} bytes", {"limit": CONTENT_LIMIT_BYTES})
    return text


def _base64(blob: str) -> str:
    body = bytes_of(blob)
    if body is None:
        raise PydanticCustomError("base64", "This is not base64")
    if len(body) > CONTENT_LIMIT_BYTES:
        raise PydanticCustomError("too_long", "Content has at most {limit} bytes", {"limit": CONTENT_LIMIT_BYTES})
    return blob


Trimmed = StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)
Uri = Annotated[str, Trimmed, AfterValidator(_uri)]
UriTemplate = Annotated[str, Trimmed, AfterValidator(_template)]
MimeType = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_mime_type),
    WithJsonSchema({"type": "string", "maxLength": 255, "examples": [PLAIN_TEXT]}),
]  # fmt: skip
Text = Annotated[str, AfterValidator(plain_text), AfterValidator(_short)]
Blob = Annotated[str, AfterValidator(_base64), WithJsonSchema({"type": "string", "contentEncoding": "base64"})]


class ResourceUpdate(Scoped):
    """Of a resource that a gateway offers, everything here but its name and its scope is its upstream's, and stays."""

    name: Name = ""
    title: Line | None = None
    uri: Uri = ""
    uri_template: UriTemplate | None = Field(
        None, description="RFC 6570, levels 1 and 2; the content's {variables} are filled in. Then `uri` is the same."
    )
    mime_type: MimeType | None = None
    blob: Blob | None = Field(None, description="In place of `content`: any bytes, in base64.")
    content: Text | None = Field(None, description="What it says, as text.")


class ResourceCreate(ResourceUpdate):
    name: Name
    uri: Uri

    @field_validator("content", mode="after")
    @classmethod
    def _is_there(cls, content: str | None, info: ValidationInfo) -> str | None:
        if content is None and info.data.get("blob") is None:
            raise PydanticCustomError("missing", "Field required")
        return content

    content: Text | None = Field(None, description="What it says, as text.", validate_default=True)


def complete(item: PlainRow) -> None:
    embed(item, "annotations", "_meta")


def prepare(values: Values) -> Values:
    """With `content` and `blob` as the one thing that they are."""
    text, blob = values.get("content"), values.get("blob")
    if text is not None and blob is not None:
        raise bad_field("blob", "Give content or blob, not both")
    columns = {name: value for name, value in values.items() if name not in {"content", "blob"}}
    if text is not None:
        return columns | {"content": Content(text.encode(), is_text=True)}
    if blob is not None:
        return columns | {"content": Content(bytes_of(blob) or b"", is_text=False)}
    return columns


OWN = ("uri", "uri_template", "mime_type", "title", "content")


def store(row: Resource, values: Values) -> Values:
    require_own(row, values, OWN)
    columns: dict[str, Any] = {name: value for name, value in named(row, values).items() if name != "content"}
    if row.gateway_id is not None:
        return columns
    if "name" in columns:
        columns["original_name"] = columns["name"]
    content = values.get("content")
    if content is not None:
        columns["size"] = len(content.body)
        if row.mime_type is None:
            columns.setdefault("mime_type", PLAIN_TEXT if content.is_text else ANY_BYTES)
    return {**columns, **_address(row, columns)}


def _address(row: Resource, columns: Values) -> Values:
    """A template is its own URI, so that whatever is unique by its URI is so by its template."""
    if not columns.keys() & {"uri", "uri_template"}:
        return {}
    template = columns.get("uri_template", row.uri_template if "uri" not in columns else None)
    uri = columns.get("uri", row.uri if template is None else template)
    if template is not None and uri != template:
        raise bad_field("uri", "The URI of a template is the template itself")
    if template is None and "{" in uri:
        raise bad_field("uri", "A URI with {variables} is a template: give it as uriTemplate too")
    return {"uri": uri, "uri_template": template}


def saved(change: Change) -> None:
    content = change.values.get("content")
    if content is not None:
        values = {"body": content.body, "is_text": content.is_text}
        ResourceContent.objects.update_or_create(resource=change.row, defaults=values)
    if change.row.uri_template is not None and change.row.gateway_id is None:
        _require_text(change.row)


def _require_text(row: Resource) -> None:
    if not ResourceContent.objects.filter(resource=row, is_text=True).exists():
        raise bad_field("uri_template", "Only the variables of text can be filled in")


def links(row: Resource) -> Values:
    """Of content the audit tells only that it is another: what it is stays with those who may read it."""
    found = ResourceContent.objects.filter(resource=row).first()
    return {"content": Content(bytes(found.body), found.is_text).digest if found else None}


def _content(made: Func, *, is_text: bool) -> Case:
    return Case(When(content__is_text=is_text, then=made), default=None, output_field=TextField())


BODY = F("content__body")
TEXT = _content(Func(BODY, Value("UTF8"), function="convert_from", output_field=TextField()), is_text=True)
BASE64 = _content(
    Replace(Func(BODY, Value("base64"), function="encode", output_field=TextField()), Value("\n"), Value("")),
    is_text=False,
)

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
        "held": "held",
    },
    complete=complete,
    update=ResourceUpdate,
    create=ResourceCreate,
    own=frozenset({*OWN, "blob"}),
    beside={"content": TEXT, "blob": BASE64},
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
    prepare=prepare,
    store=store,
    saved=saved,
    links=links,
)
