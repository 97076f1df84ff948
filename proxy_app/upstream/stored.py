"""What a row says of the connections to an upstream, as the Upstream that its pool is made for."""

from collections.abc import Mapping
from typing import Any

from gatewaysite.secrets import fingerprint, open_sealed
from proxy_app.upstream.limits import Counts, options_of
from proxy_app.upstream.pool import Upstream

# Under which name the key of a client certificate is sealed.
CLIENT_KEY = "client_key"
# The columns that gateways and proxy routes have for it.
COLUMNS = (
    "sealed_headers", "version", "pool_epoch", "pool_options",
    "ca_certificate", "client_certificate", "sealed_client_key",
)  # fmt: skip


def upstream_of(key: str, stored: Mapping[str, Any], *, name: str, url: str, counts: Counts) -> Upstream:
    """`stored` has the COLUMNS; `counts` is what opens the circuit where they do not say. Raises CannotUnseal.

    Jobs and the data plane share a pool because both come here. A change of any of it is another generation.
    """
    options = options_of(
        {"breakerCounts": counts} | stored["pool_options"],
        ca_certificate=stored["ca_certificate"],
        client_certificate=stored["client_certificate"],
        client_key=open_sealed(stored["sealed_client_key"]).get(CLIENT_KEY, ""),
    )
    return Upstream(
        key=key,
        name=name,
        revision=stored["version"],
        epoch=stored["pool_epoch"],
        target=fingerprint(stored["sealed_headers"] + url),
        options=options,
    )
