"""What can go wrong on the wire, as httpx exceptions, and whether the upstream can have seen the request.

httpx.TransportError
|-- ConnectError                 DNS, refused, unreachable          never sent
|   |-- TlsError                 handshake or certificate           never sent
|   `-- AddressRefused           our own guard said no              never sent
|-- ConnectTimeout, PoolTimeout                                     never sent
|   `-- ShareFull                the caller's own part of the slots never sent
|-- CircuitOpen                  we leave the upstream alone        never sent
|-- StreamCap                    as many streams as may be open     never sent
|-- LocalProtocolError           we refuse to write this request    never sent
|-- UnsupportedProtocol          neither http nor https             never sent
|-- WriteTimeout, WriteError     a part of it left
|-- ReadTimeout                  silence
|-- ReadError                    cut off
|   `-- NothingReceived          before the first byte
`-- RemoteProtocolError          not HTTP, or shorter than it said
    `-- HeadersTooLarge
"""

import httpx


class CircuitOpen(httpx.TransportError):
    """The upstream failed again and again; it is left alone for `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("the circuit is open")
        self.retry_after_s = retry_after_s


class ShareFull(httpx.PoolTimeout):
    """The caller's team, or the caller, has all the slots in use that one may have."""


class StreamCap(httpx.TransportError):
    """This process has as many streams open as it may."""


NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
    CircuitOpen,
    StreamCap,
)


class TlsError(httpx.ConnectError):
    """The TLS handshake failed, or the certificate is not trusted."""


class AddressRefused(httpx.ConnectError):
    """The name leads to an address this gateway does not call. The reason goes to the log only."""


class NothingReceived(httpx.ReadError):
    """The connection ended before the first byte of an answer.

    On a reused connection this is usually the upstream's keep-alive limit; the request may still have arrived.
    """

    def __init__(self, message: str, *, reused: bool) -> None:
        super().__init__(message)
        self.reused = reused


class HeadersTooLarge(httpx.RemoteProtocolError):
    """The response headers exceed what this gateway reads."""


def may_have_been_sent(exc: BaseException) -> bool:
    """Whether any byte of the request can have reached the upstream; if not, trying again is always safe."""
    return not isinstance(exc, NEVER_SENT)
