"""Which hosts and origins may talk to the data plane: the guard against DNS rebinding (MCP, transport security)."""

from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from gatewaysite.errors import BadInput, Denied

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


# What a script of another origin may read of our answers, and may send with its requests.
EXPOSED = (
    b"access-control-expose-headers",
    b"WWW-Authenticate, Mcp-Session-Id, Retry-After, X-Request-Id, X-RateLimit-Limit-Requests, "
    b"X-RateLimit-Remaining-Requests, X-RateLimit-Reset-Requests",
)
PREFLIGHT = (
    (b"access-control-allow-methods", b"POST, GET, DELETE"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, "
        b"Last-Event-ID, X-Request-Id",
    ),
    (b"access-control-max-age", b"86400"),
)


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


def readable_by_page(headers: dict[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """What lets the script of an origin that `check_origin` let pass read the answer. Cookies count nowhere here."""
    if (origin := headers.get(b"origin")) is None:
        return ()
    return (b"access-control-allow-origin", origin), (b"vary", b"origin"), EXPOSED


@lru_cache(maxsize=256)
def _host_allowed(host: bytes) -> bool:
    domain, _port = split_domain_port(host.decode("latin1"))
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


@lru_cache(maxsize=256)
def _origin_allowed(origin: bytes) -> bool:
    """Our own origin and those in ALLOWED_ORIGINS; and any loopback one when we live on loopback ourselves."""
    if origin.decode("latin1") in settings.ALLOWED_ORIGINS:
        return True
    try:
        ours, theirs = urlsplit(settings.PUBLIC_URL), urlsplit(origin.decode("latin1"))
    except ValueError:
        return False
    if (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc):
        return True
    return ours.hostname in LOOPBACK and theirs.hostname in LOOPBACK and theirs.scheme in ("http", "https")
