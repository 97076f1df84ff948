"""Rows of proxy routes as entries: all that is the same for every request is worked out here, once."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from gatewaysite.rates import Rate
from gatewaysite.secrets import CannotUnseal, open_sealed
from proxy_app.names import ROUTE_KEY
from proxy_app.proxy_rules import ALWAYS, never_to_upstream
from proxy_app.snapshot.entries import NameList, RouteEntry
from proxy_app.upstream import stored
from proxy_app.upstream.errors import UpstreamUnsendable
from proxy_app.upstream.passing import base_of
from proxy_app.upstream.pool import Upstream
from proxy_app.upstream.stored import upstream_of

log = logging.getLogger(__name__)

COLUMNS = (
    *stored.COLUMNS, "slug", "upstream_url", "methods", "request_headers", "response_headers", "added_headers",
    "strip_prefix", "replace_from", "replace_to", "query_policy", "query_parameters", "body_limit_bytes",
    "total_timeout_ms", "streaming", "redirects", "rate_limit",
)  # fmt: skip


def route_entry(row: dict[str, Any], owned: dict[str, Any], rates: tuple[Rate, ...]) -> RouteEntry | None:
    """None when its URL cannot be one, which no page or endpoint stores: the others go on."""
    try:
        base, slug = base_of(row["upstream_url"]), row["slug"]
    except UpstreamUnsendable:
        log.error("a proxy route has no usable URL", extra={"route_id": row["id"].hex})
        return None
    upstream, secret = _opened(row)
    added = {name.encode(): value.encode() for name, value in (row["added_headers"] | (secret or {})).items()}
    prefix = f"/proxy/{slug}"
    return RouteEntry(
        **owned,
        slug=slug,
        upstream=upstream,
        readable=secret is not None,
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
        timeouts={"total": row["total_timeout_ms"] / 1000} if row["total_timeout_ms"] else {},
        streaming=row["streaming"],
        redirects=row["redirects"],
        rates=rates,
    )


def _opened(row: dict[str, Any]) -> tuple[Upstream, dict[str, str] | None]:
    """Where its calls go, and the headers of its credential; None when that, or the key to a certificate, is closed.

    A status of 5xx may be the honest answer of one address of many, so that by itself it does not open the circuit.
    """
    key, slug = f"{ROUTE_KEY}{row['id'].hex}", row["slug"]
    try:
        upstream = upstream_of(key, row, name=slug, url=row["upstream_url"], counts="connections")
        secret = open_sealed(row["sealed_headers"])
    except CannotUnseal:
        return Upstream(key=key, name=slug, revision=row["version"]), None
    return upstream, {name.lower(): value for name, value in secret.items()}


def _names(
    listed: Iterable[str], taken: Iterable[bytes] = (), never: Callable[[bytes], bool] = lambda _name: False
) -> NameList:
    """What passes. A header the route sets itself does not, and what never may not either, whatever a row says."""
    names = {name.encode() for name in listed if not name.endswith("*")} | ALWAYS
    beginnings = tuple(name[:-1].encode() for name in listed if name.endswith("*"))
    taken = frozenset(taken)
    return NameList(frozenset(name for name in names if name not in taken and not never(name)), beginnings, taken)
