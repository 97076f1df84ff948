"""The upstream boundary's errors: what the gateway answers when the far side, or the way there, breaks.

    GatewayError
    `-- UpstreamError              502  upstream_error
        |-- UpstreamUnreachable    502  upstream_unreachable   DNS, refused, no route, no answer to connect, our guard
        |   `-- UpstreamTls        502  upstream_tls
        |-- UpstreamPoolFull       503  upstream_pool_full     our own limit: Retry-After, reason
        |   `-- UpstreamShareFull  429  upstream_share_full    the caller's part of it
        |-- UpstreamCircuitOpen    503  circuit_open           it failed too often, and is left alone for a while
        |-- UpstreamStreamCap      503  stream_cap             as many streams as one process may have
        |-- UpstreamTimeout        504  upstream_timeout       connected, then silent
        |-- UpstreamCut            502  upstream_cut           hung up before or during the answer
        |-- UpstreamProtocol       502  upstream_protocol      not HTTP, not JSON-RPC, not the answer to our question
        |   |-- UpstreamNotMcp     502  upstream_not_mcp
        |   `-- UpstreamRedirect   502  upstream_redirect
        |-- UpstreamTooLarge       502  upstream_too_large
        |-- UpstreamUnsendable     400  upstream_unsendable    a header or length no request may have: the caller's
        |-- UpstreamBusy           503  upstream_busy          429 or 503 from it: Retry-After passes through
        `-- UpstreamStatus         502  upstream_status        any other HTTP status that is not an answer
            `-- UpstreamAuth       502  upstream_auth          it refused our credential

Messages name no host, address or port: refused, blocked and unroutable look the same from outside. Details are logged.
"""

import httpx

from gatewaysite.errors import GatewayError, spread
from proxy_app.upstream.failures import CircuitOpen, ShareFull, StreamCap, TlsError, may_have_been_sent


class UpstreamError(GatewayError):
    """The upstream call failed."""

    status, code = 502, "upstream_error"
    kind = "transport"  # one of transport, tls, timeout, protocol, not_mcp, auth: how registration tells people apart

    def __init__(self, message: str = "", *, maybe_sent: bool = True) -> None:
        super().__init__(message)
        self.maybe_sent = maybe_sent


class UpstreamUnreachable(UpstreamError):
    """The upstream cannot be reached."""

    code = "upstream_unreachable"


class UpstreamTls(UpstreamUnreachable):
    """The upstream's TLS certificate or handshake was not accepted."""

    code, kind = "upstream_tls", "tls"


class UpstreamPoolFull(UpstreamError):
    """All connections this gateway may have, to this upstream or to all, are in use; try again shortly."""

    status, code = 503, "upstream_pool_full"
    reason = "upstream_pool_full"

    def __init__(self, message: str = "", *, maybe_sent: bool = False) -> None:
        super().__init__(message, maybe_sent=maybe_sent)
        self.retry_after_s = spread(1)


class UpstreamShareFull(UpstreamPoolFull):
    """Your team, or you, have as many connections to this upstream in use as one may have; try again shortly."""

    status, code = 429, "upstream_share_full"


class UpstreamCircuitOpen(UpstreamError):
    """The upstream failed too often and is left alone for a moment; try again later."""

    status, code = 503, "circuit_open"
    reason = "circuit_open"

    def __init__(self, message: str = "", *, maybe_sent: bool = False, retry_after_s: float = 1.0) -> None:
        super().__init__(message, maybe_sent=maybe_sent)
        self.retry_after_s = spread(retry_after_s)


class UpstreamStreamCap(UpstreamError):
    """This gateway has as many streams open as it may; try again later."""

    status, code = 503, "stream_cap"
    reason = "stream_cap"

    def __init__(self, message: str = "", *, maybe_sent: bool = False) -> None:
        super().__init__(message, maybe_sent=maybe_sent)
        self.retry_after_s = spread(5)


class UpstreamTimeout(UpstreamError):
    """The upstream did not answer in time."""

    status, code, kind = 504, "upstream_timeout", "timeout"


class UpstreamCut(UpstreamError):
    """The upstream closed the connection before its answer was complete."""

    code = "upstream_cut"


class UpstreamProtocol(UpstreamError):
    """The upstream's answer breaks the protocol."""

    code, kind = "upstream_protocol", "protocol"


class UpstreamNotMcp(UpstreamProtocol):
    """What answers at this URL is not an MCP server."""

    code, kind = "upstream_not_mcp", "not_mcp"


class UpstreamRedirect(UpstreamProtocol):
    """The upstream answered with a redirect, which is never followed; register the final URL."""

    code = "upstream_redirect"


class UpstreamTooLarge(UpstreamError):
    """The upstream's answer is larger than this gateway accepts."""

    code, kind = "upstream_too_large", "protocol"


class UpstreamUnsendable(UpstreamError):
    """This request cannot be sent: a header value, its URL or its length is not valid."""

    status, code, kind = 400, "upstream_unsendable", "protocol"


class UpstreamBusy(UpstreamError):
    """The upstream is busy; try again later."""

    status, code, reason = 503, "upstream_busy", "upstream_busy"

    def __init__(self, message: str = "", *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamStatus(UpstreamError):
    """The upstream answered with an error status."""

    code, kind = "upstream_status", "protocol"

    def __init__(self, message: str = "", *, upstream_status: int = 0, upstream_text: str = "") -> None:
        super().__init__(message)
        self.upstream_status = upstream_status
        self.upstream_text = upstream_text  # cleaned and bounded, yet the upstream's: for administrators only


class UpstreamAuth(UpstreamStatus):
    """The upstream refused the gateway's credential."""

    code, kind = "upstream_auth", "auth"

    def __init__(
        self, message: str = "", *, upstream_status: int = 401, upstream_text: str = "", challenge: str | None = None
    ) -> None:
        super().__init__(message, upstream_status=upstream_status, upstream_text=upstream_text)
        self.challenge = challenge  # its WWW-Authenticate, as sent


def as_upstream_error(exc: httpx.HTTPError) -> UpstreamError:
    """The error to answer with. The message is fixed per class: the exception's own text names hosts."""
    if isinstance(exc, CircuitOpen):
        return UpstreamCircuitOpen(retry_after_s=exc.retry_after_s)
    return _kind_of(exc)(maybe_sent=may_have_been_sent(exc))


_KINDS: tuple[tuple[type[Exception], type[UpstreamError]], ...] = (
    (TlsError, UpstreamTls),
    (ShareFull, UpstreamShareFull),
    (httpx.PoolTimeout, UpstreamPoolFull),
    (StreamCap, UpstreamStreamCap),
    (httpx.ConnectError, UpstreamUnreachable),
    (httpx.ConnectTimeout, UpstreamUnreachable),
    (httpx.TimeoutException, UpstreamTimeout),
    (httpx.LocalProtocolError, UpstreamUnsendable),
    (httpx.UnsupportedProtocol, UpstreamUnsendable),
    (httpx.RemoteProtocolError, UpstreamProtocol),
    (httpx.NetworkError, UpstreamCut),
)


def _kind_of(exc: Exception) -> type[UpstreamError]:
    return next((ours for theirs, ours in _KINDS if isinstance(exc, theirs)), UpstreamError)
