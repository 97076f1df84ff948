"""Which hosts and origins may talk to the data plane: the guard against DNS rebinding (MCP, transport security)."""

from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from gatewaysite.errors import BadInput, Denied

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class BadHost(BadInput):
    """The Host header names a host this gateway does not answer to; see ALLOWED_HOSTS."""

    status, code = 400, "bad_host"


class BadOrigin(Denied):
    """Requests from this origin are not accepted."""

    code = "bad_origin"


def check_origin(headers: dict[bytes, bytes]) -> None:
    """Raises BadHost or BadOrigin. A request without an Origin does not come from a web page."""
    if not _host_allowed(headers.get(b"host", b"")):
        raise BadHost
    if (origin := headers.get(b"origin")) is not None and not _origin_allowed(origin):
        raise BadOrigin


@lru_cache(maxsize=256)
def _host_allowed(host: bytes) -> bool:
    domain, _port = split_domain_port(host.decode("latin1"))
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


@lru_cache(maxsize=256)
def _origin_allowed(origin: bytes) -> bool:
    """Our own origin; and any loopback one when we live on loopback ourselves."""
    try:
        ours, theirs = urlsplit(settings.PUBLIC_URL), urlsplit(origin.decode("latin1"))
    except ValueError:
        return False
    if (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc):
        return True
    return ours.hostname in LOOPBACK and theirs.hostname in LOOPBACK and theirs.scheme in ("http", "https")
