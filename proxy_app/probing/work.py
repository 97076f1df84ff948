"""Endpoints of gateways that are none yet, made of the same values; and the units that know those there are."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from auth_app.actor import Actor
from auth_app.policy import require_to, visible_to
from proxy_app.models import Gateway
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.lookup import find_one
from proxy_app.upstream.mcp import COLUMNS, Endpoint, endpoint_of

# All that is tried has one pool, so that nobody fills the process with pools of hosts that are never called again.
POOL = "trials"


def new_endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Of the gateway that these values would make. Asks no database. Raises AddressNotAllowed."""
    return _for_once(_with(Gateway(), _prepared(values)))


def stored_endpoint(actor: Actor, key: str, values: Mapping[str, Any]) -> tuple[Endpoint, str]:
    """Of a gateway that this person may change, as these values would change it; and the sort of its credential.

    Raises AddressNotAllowed, CannotUnseal.
    """
    prepared = _prepared(values)
    with transaction.atomic(durable=True):
        row = find_one(GATEWAYS, Gateway.objects.filter(visible_to(actor, GATEWAYS.slug)), key)
        require_to(actor, "update", row)
        _with(row, prepared)  # and never saved
        return _for_once(row), row.auth_type


def knows_origin(actor: Actor, url: str) -> bool:
    """Whether a gateway that this person sees is at the same scheme, host and port. A single query needs no block."""
    seen = Gateway.objects.filter(visible_to(actor, GATEWAYS.slug)).values_list("url", flat=True)
    return _origin(url) in {_origin(one) for one in seen}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url.strip())
    return parts.scheme.lower(), parts.netloc.lower()


def _prepared(values: Mapping[str, Any]) -> Mapping[str, Any]:
    assert GATEWAYS.prepare is not None  # noqa: S101 (the kind has one)
    return GATEWAYS.prepare(values) if values else {}


def _with(row: Gateway, values: Mapping[str, Any]) -> Gateway:
    for name, value in GATEWAYS.store(row, values).items():
        setattr(row, name, value)
    return row


def _for_once(row: Gateway) -> Endpoint:
    endpoint = endpoint_of(row.pk.hex, {name: getattr(row, name) for name in COLUMNS}, url=row.url)
    assert endpoint.upstream is not None  # noqa: S101 (a row has one)
    upstream = replace(endpoint.upstream, key=POOL, name=POOL, revision=0, epoch=0)
    # Whatever state this pool's circuit is in after others' trials is not about this server.
    return replace(endpoint, key=f"{POOL}:{uuid.uuid4().hex}", upstream=upstream, check=True)
