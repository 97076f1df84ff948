"""Proxy routes: HTTP services behind /proxy/{slug}/, each with rules of its own."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from django.conf import settings
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gatewaysite.validation import Line, bad_field
from proxy_app.models import Route
from proxy_app.proxy_rules import HEADER_PATTERN, BadPath, check_path, never_to_client, never_to_upstream
from proxy_app.registry.columns import CHANGED, CODE, NAMED, SWITCHED, VISIBLE
from proxy_app.registry.credentials import Credential, CredentialData, masked, sealed
from proxy_app.registry.data import MEMBERS, AnyObject, RegisteredData, as_text, embed
from proxy_app.registry.headers import AddedValue, addable
from proxy_app.registry.kind import Column, Kind, PlainRow, Values
from proxy_app.registry.pooling import POOL_MEMBERS, PooledData, Pooling, check_pair, pooled
from proxy_app.registry.storing import named
from proxy_app.registry.validation import Name, Scoped
from proxy_app.upstream.addresses import check_url

BODY_LIMIT_AT_MOST_BYTES = 1024**4
TIMEOUT_AT_MOST_MS = 24 * 60 * 60 * 1000


class RouteData(RegisteredData, PooledData, CredentialData):
    slug: str
    proxyUrl: str
    upstreamUrl: str
    methods: list[str]
    requestHeaders: list[str]
    responseHeaders: list[str]
    addedHeaders: AnyObject
    stripPrefix: bool
    replaceFrom: str
    replaceTo: str
    queryPolicy: str
    queryParameters: list[str]
    bodyLimitBytes: int
    totalTimeoutMs: int | None
    streaming: bool
    redirects: bool


def _https(text: str) -> str:
    return text if ":/" in text else f"https://{text}"


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _pattern(never: Callable[[bytes], bool]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not HEADER_PATTERN.fullmatch(text):
            raise PydanticCustomError("header_name", "This is not the name of a header, nor the beginning of one and *")
        if never(text.encode()):
            raise PydanticCustomError("header_reserved", "This header is never passed on")
        return text

    return check


def _path(text: str) -> str:
    try:
        check_path(text.encode())
    except BadPath as error:
        raise PydanticCustomError("bad_path", "This is not a plain path") from error
    if text.endswith("/"):
        raise PydanticCustomError("bad_path", "A path that is replaced ends without a slash")
    return text


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Lower = StringConstraints(strip_whitespace=True, to_lower=True, max_length=100)
RequestHeaders = Annotated[
    list[Annotated[str, Lower, AfterValidator(_pattern(never_to_upstream))]],
    Field(max_length=200, description="Names that pass to the upstream; `x-*` stands for all that begin so."),
    AfterValidator(_once),
]
ResponseHeaders = Annotated[
    list[Annotated[str, Lower, AfterValidator(_pattern(never_to_client))]],
    Field(max_length=200, description="Names that pass to the client. Without cache-control answers are not stored."),
    AfterValidator(_once),
]
AddedHeaders = Annotated[
    dict[Annotated[str, Lower, AfterValidator(addable)], AddedValue],
    Field(
        max_length=50, description="Sent with every request, over the client's own. Shown to whoever sees the route."
    ),
]
Methods = Annotated[
    list[Annotated[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], BeforeValidator(_upper)]],
    Field(min_length=1, description="Others are 405."),
    AfterValidator(_once),
]
Path = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_path)]
Url = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_https)
]  # https unless it says otherwise


class RouteUpdate(Scoped, Credential, Pooling):
    """A new name moves the route to another prefix."""

    name: Name = ""
    upstream_url: Url = ""
    methods: Methods = []
    request_headers: RequestHeaders = []
    response_headers: ResponseHeaders = []
    added_headers: AddedHeaders = {}
    strip_prefix: bool = Field(True, description="Leave /proxy/{slug} out of the path that the upstream sees.")
    replace_from: Path = Field("", description="A beginning of the rest of the path that is replaced, e.g. /v1.")
    replace_to: Path = Field("", description="What it is replaced by.")
    query_policy: Literal["pass", "listed", "refuse"] = "pass"
    query_parameters: Annotated[list[Line], Field(max_length=200), AfterValidator(_once)] = Field(
        [], description="With listed: the only names a query may have."
    )
    body_limit_bytes: int = Field(0, ge=0, le=BODY_LIMIT_AT_MOST_BYTES, description="Larger request bodies are 413.")
    total_timeout_ms: Annotated[int | None, Field(ge=1, le=TIMEOUT_AT_MOST_MS)] = Field(
        None, description="How long all of a request may take. Time-outs of its parts are among the pool's options."
    )
    streaming: bool = Field(True, description="Whether answers may be event streams.")
    redirects: bool = Field(False, description="Whether redirects pass to the client; otherwise they are 502.")


class RouteCreate(RouteUpdate):
    name: Name
    upstream_url: Url


def complete(item: PlainRow) -> None:
    item["proxyUrl"] = f"{settings.PUBLIC_URL}/proxy/{item['slug']}"
    item.update(masked(item["authType"]))
    embed(item, "addedHeaders", "poolOptions")


def prepare(values: Values) -> Values:
    """Judge the URL and seal the credential, with no transaction open."""
    columns = pooled(sealed(values))
    if "upstream_url" in values:
        columns["upstream_url"] = _checked_base(values["upstream_url"])
    return columns


def _checked_base(url: str) -> str:
    """The base as it will be called. What a parser would correct in its path is refused instead."""
    target = check_url(url, settings.UPSTREAM_ALLOWED_NETWORKS, field="upstream_url")
    path, question, _query = url.partition("://")[2].partition("?")
    _authority, slash, rest = path.partition("/")
    try:
        check_path((slash + rest).encode())
    except BadPath as error:
        raise bad_field("upstream_url", "The path in this URL is not a plain one") from error
    if question:
        raise bad_field("upstream_url", "A base URL has no query")
    return target.url


def store(row: Route, values: Values) -> Values:
    columns = named(row, values)
    check_pair(row, columns)
    to = columns.get("replace_to", row.replace_to)
    if to and not columns.get("replace_from", row.replace_from):
        raise bad_field("replace_from", "Which beginning of the path is replaced by this?")
    return columns


ROUTES = Kind(
    slug="routes",
    icon="routes",
    key="x",
    verbs=("use",),
    singular="route",
    explain="A route passes requests under an address of ours on to an HTTP service, by rules and with a credential.",
    model=Route,
    data=RouteData,
    members={
        **MEMBERS,
        **POOL_MEMBERS,
        "slug": "slug",
        "upstreamUrl": "upstream_url",
        "methods": "methods",
        "requestHeaders": "request_headers",
        "responseHeaders": "response_headers",
        "addedHeaders": as_text("added_headers"),
        "stripPrefix": "strip_prefix",
        "replaceFrom": "replace_from",
        "replaceTo": "replace_to",
        "queryPolicy": "query_policy",
        "queryParameters": "query_parameters",
        "bodyLimitBytes": "body_limit_bytes",
        "totalTimeoutMs": "total_timeout_ms",
        "streaming": "streaming",
        "redirects": "redirects",
        "authType": "auth_type",
    },
    complete=complete,
    create=RouteCreate,
    update=RouteUpdate,
    wrapped=False,
    columns=(
        NAMED,
        SWITCHED,
        Column(key="slug", label="Address", sort="slug", template="registry/cells/proxy_path.html", narrow="second"),
        Column(key="upstreamUrl", label="Upstream", sort="upstream_url", template=CODE),
        VISIBLE,
        CHANGED,
    ),
    search=("name", "description", "upstream_url"),
    prepare=prepare,
    store=store,
)
