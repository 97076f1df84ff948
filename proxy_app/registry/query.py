"""What a list is asked for: read from a query string into one frozen value, for JSON endpoints and pages alike."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import QueryDict
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from gatewaysite.cursors import read_cursor
from gatewaysite.errors import BadInput, FieldError
from gatewaysite.validation import NOT_IN_A_LINE, Moment, validated
from proxy_app.registry.kind import Kind
from proxy_app.registry.validation import Visible

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
LAST_PAGE = 100_000
# What `limit=0`, "all", means: an answer has to end. `nextCursor` tells whether there is more.
ALL_LIMIT = 5000
# By what every kind can be sorted, beside the columns of its table.
ALWAYS_SORTABLE = {"createdAt": "created_at", "updatedAt": "updated_at"}
# The plus between two tags that an item has to have both. In `c++` it is a part of the tag.
BOTH = re.compile(r"(?<=[^+])\+(?=[^+])")


@dataclass(frozen=True)
class ListQuery:
    """Newest first and from `cursor` on, unless a `page` or another order is asked for."""

    search: str = ""
    tags: tuple[str, ...] = ()  # any of these; `a+b` is both of them
    include_inactive: bool = False
    visibility: str | None = None
    team_id: UUID | None = None
    owner: str = ""
    created_since: datetime | None = None
    updated_since: datetime | None = None
    filters: Mapping[str, str] = field(default_factory=dict, hash=False)
    limit: int = DEFAULT_LIMIT
    cursor: tuple[datetime, UUID] | None = None
    with_cursor: bool = False  # whether the caller wants to know where the next page begins
    page: int | None = None
    sort: str | None = None  # a column's key, "-" before it for descending

    @property
    def tag_groups(self) -> list[list[str]]:
        """An item has to have all the tags of any of these."""
        return [[tag for one in BOTH.split(group) if (tag := one.strip())] for group in self.tags]


DEFAULT = ListQuery()


def _one_line(text: str) -> str:
    if NOT_IN_A_LINE.search(text):
        raise ValueError("Control characters cannot be searched for")
    return text


Text = Annotated[str, Field(max_length=255), AfterValidator(_one_line)]


class _Narrowing(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    search: Text = Field("", description="Words to look for in names and descriptions.")
    tags: Text = Field("", description="Comma separated: items with any of them. `a+b` (sent as `a%2Bb`): with both.")
    include_inactive: bool = Field(False, description="Disabled items too.")
    visibility: Visible | None = Field(None, description="Only items of this visibility.")
    team_id: UUID | None = Field(None, description="Only items of this team.")
    owner: Text = Field("", description="Only items of the person with this e-mail address.")
    created_since: Moment | None = Field(None, description="Only items that were added then or later.")
    updated_since: Moment | None = Field(None, description="Only items that were changed then or later.")


class IdsParameters(_Narrowing):
    """The query parameters of the ids of a list."""

    q: Text = Field("", description="Another word for `search`.")


class ApiParameters(IdsParameters):
    """The query parameters of a JSON list, for reading and for the OpenAPI document."""

    limit: int = Field(DEFAULT_LIMIT, ge=0, le=MAX_LIMIT, description=f"0: all, but no more than {ALL_LIMIT}.")
    include_pagination: bool = Field(False, description="Answer an object with `nextCursor` instead of an array.")
    cursor: str | None = Field(None, max_length=500, description="The `nextCursor` of the answer before.")
    page: int | None = Field(None, ge=1, le=LAST_PAGE, description="Answer this page, and how many there are.")
    per_page: int | None = Field(None, ge=1, le=MAX_LIMIT, description=f"Items on a page; {DEFAULT_LIMIT} if left out.")


class PageParameters(_Narrowing):
    page: int = Field(1, ge=1, le=LAST_PAGE)
    sort: str | None = None


def from_api(kind: Kind, get: QueryDict) -> ListQuery:
    """The list a JSON request asks for. Raises BadInput that names a wrong, repeated or unknown parameter."""
    if not get:
        return DEFAULT
    found = validated(api_parameters(kind), single_values(get), where="query")
    _refuse_both(found)
    narrowing = _narrowing(kind, found)
    if found.page or found.per_page:
        return ListQuery(**narrowing, sort=found.sort, limit=found.per_page or DEFAULT_LIMIT, page=found.page or 1)
    cursor = read_cursor(kind.slug, found.cursor, UUID) if found.cursor is not None else None
    return ListQuery(
        **narrowing, sort=found.sort, limit=found.limit, cursor=cursor, with_cursor=found.include_pagination
    )


def from_ids(kind: Kind, get: QueryDict) -> ListQuery:
    """The same narrowing, of a request for nothing but ids."""
    return ListQuery(**_narrowing(kind, validated(ids_parameters(kind), single_values(get), where="query")))


def from_page(kind: Kind, get: QueryDict) -> ListQuery:
    """The list a page's URL asks for. A form sends its empty fields too; they mean nothing."""
    given = {name: value for name, value in single_values(get).items() if value.strip()}
    found = validated(_page_parameters(kind), given, where="query")
    return ListQuery(**_narrowing(kind, found), page=found.page, sort=found.sort)


@cache
def sorts(kind: Kind) -> Mapping[str, str]:
    """What a list can be sorted by: the member's name, and the model field behind it."""
    return ALWAYS_SORTABLE | {column.key: column.sort for column in kind.columns if column.sort}


@cache
def api_parameters(kind: Kind) -> Any:
    """The model of a kind's query parameters, its own filters included."""
    sort = Field(None, description="By this member; with a minus before it, the other way round.")
    return _with_filters(kind, ApiParameters, sort=(_sort_words(kind), sort))


@cache
def ids_parameters(kind: Kind) -> Any:
    return _with_filters(kind, IdsParameters)


@cache
def _page_parameters(kind: Kind) -> Any:
    return _with_filters(kind, PageParameters, sort=(_sort_words(kind), None))


def _sort_words(kind: Kind) -> Any:
    return Literal[*sorts(kind), *(f"-{key}" for key in sorts(kind))] | None


def _with_filters(kind: Kind, base: type[BaseModel], **more: Any) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for one in kind.filters:
        accepts = Literal[one.choices] if one.choices else one.accepts
        fields[one.param] = (accepts | Literal["null"] | None, Field(None, description=one.label or None))
    return create_model(f"{kind.title}{base.__name__}", __base__=base, **fields, **more)


def single_values(get: QueryDict) -> dict[str, str]:
    """The parameters by name. One given twice is refused: whichever we took, the caller might mean the other."""
    repeated = [name for name, values in get.lists() if len(values) > 1]
    if repeated:
        message = "This parameter may be given once"
        raise BadInput(fields=[FieldError(("query", name), message, "repeated") for name in repeated])
    return get.dict()  # type: ignore[return-value]


def _refuse_both(found: Any) -> None:
    """A list is read on by a cursor, which knows one order only, or by numbers of pages."""
    given = found.model_fields_set
    by_number = given & {"page", "per_page"}
    by_cursor = given & {"cursor", "include_pagination", *(["limit"] if by_number else [])}
    other_way = by_number | (given & {"sort"})
    if by_cursor and other_way:
        message = f"This does not go together with {', '.join(sorted(other_way))}: use page and per_page, or a cursor"
        raise BadInput(fields=[FieldError(("query", name), message, "clash") for name in sorted(by_cursor)])


def _narrowing(kind: Kind, found: Any) -> dict[str, Any]:
    filters = {one.param: getattr(found, one.param) for one in kind.filters}
    return {
        "search": f"{found.search} {getattr(found, 'q', '')}".strip(),
        "tags": tuple(tag for part in found.tags.split(",") if (tag := part.strip())),
        "include_inactive": found.include_inactive,
        "visibility": found.visibility,
        "team_id": found.team_id,
        "owner": found.owner.strip(),
        "created_since": found.created_since,
        "updated_since": found.updated_since,
        "filters": {param: str(value) for param, value in filters.items() if value is not None},
    }
