"""Rows of proxy routes as entries: all that is the same for every request is worked out here, once."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from gatewaysite.rates import Rate
from proxy_app.proxy_rules import ALWAYS, never_to_upstream
from proxy_app.snapshot.entries import NameList, RouteEntry
from proxy_app.upstream.errors import UpstreamUnsendable
from proxy_app.upstream.passing import base_of
from proxy_app.upstream.pool import Upstream
from proxy_app.upstream.secrets import CannotUnseal, fingerprint, open_sealed

log = logging.getLogger(__name__)

COLUMNS = (
    "slug", "version", "upstream_url", "methods", "request_headers", "response_headers", "added_headers",
    "sealed_headers", "strip_prefix", "replace_from", "replace_to", "query_policy", "query_parameters",
    "body_limit_bytes", "connect_timeout_ms", "timeout_ms", "stream_timeout_ms", "total_timeout_ms", "streaming",
    "redirects", "rate_limit",
)  # fmt: skip
TIMEOUTS = {
    "connect_timeout_ms": "connect",
    "timeout_ms": "read",
    "stream_timeout_ms": "stream_idle",
    "total_timeout_ms": "total",
}


def route_entry(row: dict[str, Any], owned: dict[str, Any], rates: tuple[Rate, ...]) -> RouteEntry | None:
    """None when its URL cannot be one, which no page or endpoint stores: the others go on."""
    try:
        base, slug = base_of(row["upstream_url"]), row["slug"]
    except UpstreamUnsendable:
        log.error("a proxy route has no usable URL", extra={"route_id": row["id"].hex})
        return None
    added, readable = _added(row)
    prefix = f"/proxy/{slug}"
    return RouteEntry(
        **owned,
        slug=slug,
        upstream=Upstream(
            key=f"route:{row['id'].hex}",
            name=slug,
            revision=row["version"],
            target=fingerprint(row["upstream_url"] + row["sealed_headers"]),
        ),
        readable=readable,
        base=base,
        address=settings.PUBLIC_URL + prefix,
        path=base.path if row["strip_prefix"] else base.path + prefix,
        replaced=(row["replace_from"], row["replace_to"]) if row["replace_from"] else None,
        methods=frozenset(row["methods"]),
        request_headers=_names(row["request_headers"], added, never_to_upstream),
        response_headers=_names(row["response_headers"]),
        fixed=((b"host", base.netloc.encode()), *added.items(), (b"x-forwarded-prefix", prefix.encode())),
        query=row["query_policy"],
        parameters=frozenset(row["query_parameters"]),
        body_limit_bytes=row["body_limit_bytes"],
        timeouts={phase: row[column] / 1000 for column, phase in TIMEOUTS.items() if row[column]},
        streaming=row["streaming"],
        redirects=row["redirects"],
        rates=rates,
    )


def _added(row: dict[str, Any]) -> tuple[dict[bytes, bytes], bool]:
    """The headers every request gets, the credential last, and whether it could be opened."""
    added = {name.encode(): value.encode() for name, value in row["added_headers"].items()}
    try:
        secret = open_sealed(row["sealed_headers"])
    except CannotUnseal:
        return added, False
    return added | {name.lower().encode(): value.encode() for name, value in secret.items()}, True


def _names(
    listed: Iterable[str], taken: Iterable[bytes] = (), never: Callable[[bytes], bool] = lambda _name: False
) -> NameList:
    """What passes. A header the route sets itself does not, and what never may not either, whatever a row says."""
    names = {name.encode() for name in listed if not name.endswith("*")} | ALWAYS
    beginnings = tuple(name[:-1].encode() for name in listed if name.endswith("*"))
    taken = frozenset(taken)
    return NameList(frozenset(name for name in names if name not in taken and not never(name)), beginnings, taken)
