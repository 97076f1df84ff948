"""How a REST tool is called: all that is the same for every call, worked out once when the snapshot is loaded."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings

from gatewaysite.rates import Rate
from gatewaysite.secrets import CannotUnseal, fingerprint, open_sealed
from proxy_app.names import REST_KEY
from proxy_app.rest.filters import BadFilter, compiled
from proxy_app.rest.schemas import Schema
from proxy_app.rest.template import BadTemplate, Template, template_of
from proxy_app.snapshot.limits import readable
from proxy_app.upstream.client import USER_AGENT
from proxy_app.upstream.errors import UpstreamUnsendable
from proxy_app.upstream.limits import Options
from proxy_app.upstream.passing import Base, base_of
from proxy_app.upstream.pool import Upstream

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
SAFE = frozenset({"GET", "HEAD"})
COLUMNS = (
    "id", "request_type", "base_url", "path_template", "query_mapping", "header_mapping", "body_encoding",
    "body_argument", "fixed_headers", "sealed_headers", "jsonpath_filter", "timeout_ms", "input_schema",
    "output_schema", "annotations",
)  # fmt: skip
CONTENT_TYPES = {"json": b"application/json", "form": b"application/x-www-form-urlencoded"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RestPlan:
    """`query_mapping` and `header_mapping` name the parameter or header each argument becomes.

    `headers` are the same for every call; `secret` are those of the credential, which nothing may replace. None when
    the credential cannot be opened.
    """

    method: str
    base: Base
    template: Template
    query_mapping: Mapping[str, str]
    header_mapping: Mapping[str, bytes]
    encoding: str
    body_argument: str
    has_body: bool
    files: frozenset[str]
    headers: tuple[tuple[bytes, bytes], ...]
    secret: tuple[tuple[bytes, bytes], ...] | None = field(repr=False)
    extensions: Mapping[str, Any]
    total_s: float | None
    idempotent: bool
    filter: str
    input_schema: Schema
    output_schema: Schema | None
    rates: tuple[Rate, ...] = ()

    @property
    def origin(self) -> str:
        return self.base.origin


def plan_of(row: Mapping[str, Any]) -> RestPlan | None:
    """`row` has the COLUMNS. None when it cannot be called at all, which no page or endpoint stores."""
    try:
        base, template = base_of(row["base_url"]), template_of(row["path_template"])
        if row["jsonpath_filter"]:
            compiled(row["jsonpath_filter"])
    except (UpstreamUnsendable, BadTemplate, BadFilter):
        log.error("a REST tool cannot be called", extra={"tool_id": row["id"].hex})
        return None
    secret = _opened(row["sealed_headers"])
    schema, output = _object(row["input_schema"]), row["output_schema"]
    placed = {*template.names, *(row["query_mapping"] or {}), *(row["header_mapping"] or {})}
    taken = {name for name, _value in secret or ()}
    annotations = row["annotations"] or {}
    total_s = row["timeout_ms"] / 1000 if row["timeout_ms"] else None
    upstream = upstream_of(base.scheme, base.netloc)
    return RestPlan(
        method=row["request_type"],
        base=base,
        template=template,
        query_mapping=row["query_mapping"] or {},
        header_mapping={
            argument: name.lower().encode()
            for argument, name in (row["header_mapping"] or {}).items()
            if name.lower().encode() not in taken
        },
        encoding=row["body_encoding"],
        body_argument=row["body_argument"],
        has_body=_may_have_body(row, schema, placed),
        files=_files(schema) if row["body_encoding"] == "multipart" else frozenset(),
        headers=_fixed(base, row["fixed_headers"], taken),
        secret=secret,
        extensions={"upstream": upstream} | ({"timeout": {"read": total_s, "total": total_s}} if total_s else {}),
        total_s=total_s,
        idempotent=row["request_type"] in SAFE or is_idempotent(annotations),
        filter=row["jsonpath_filter"],
        input_schema=Schema(schema),
        output_schema=Schema(_object(output)) if output else None,
        rates=readable("upstream", fingerprint(upstream.key), settings.RATE_LIMIT_UPSTREAM),
    )


def is_idempotent(annotations: Mapping[str, Any]) -> bool:
    """MCP's ToolAnnotations; what only reads may be read twice."""
    return annotations.get("readOnlyHint") is True or annotations.get("idempotentHint") is True


@lru_cache(maxsize=4096)
def upstream_of(scheme: str, netloc: str) -> Upstream:
    """One pool for all tools of an origin. An error status may be the honest answer of one address of many, so that by
    itself it does not open the circuit."""
    key, origin = f"{REST_KEY}{scheme}:{netloc}", f"{scheme}://{netloc}"  # a slash could not stand in a page's address
    return Upstream(key=key, name=origin, target=origin, options=Options(breaker_counts="connections"))


def pool_key(base_url: str) -> str:
    """The key of the pool that the tools of this address share."""
    base = base_of(base_url)
    return upstream_of(base.scheme, base.netloc).key


def _opened(sealed: str) -> tuple[tuple[bytes, bytes], ...] | None:
    try:
        return tuple((name.lower().encode(), value.encode()) for name, value in open_sealed(sealed).items())
    except CannotUnseal:
        return None


def _object(text: str) -> dict[str, Any]:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return schema if isinstance(schema, dict) else {}


def _may_have_body(row: Mapping[str, Any], schema: Mapping[str, Any], placed: set[str]) -> bool:
    """Whether an object is sent even if no argument is left for it. No body at all, if there never could be one."""
    if row["body_argument"] or row["request_type"] not in WITH_BODY:
        return False
    properties = schema.get("properties")
    return not isinstance(properties, dict) or bool(properties.keys() - placed)


def _files(schema: Mapping[str, Any]) -> frozenset[str]:
    """The arguments that are files, given in base64."""
    properties = schema.get("properties")
    parts = properties.items() if isinstance(properties, dict) else ()
    return frozenset(name for name, part in parts if isinstance(part, dict) and part.get("contentEncoding") == "base64")


def _fixed(base: Base, fixed: Mapping[str, str], taken: set[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    ours = {
        b"host": base.netloc.encode(),
        b"user-agent": USER_AGENT.encode(),
        b"accept": b"application/json, */*;q=0.5",
    }
    ours[b"accept-encoding"] = b"identity"
    given = {name.lower().encode(): value.encode() for name, value in fixed.items()}
    return tuple((name, value) for name, value in (ours | given).items() if name not in taken)
