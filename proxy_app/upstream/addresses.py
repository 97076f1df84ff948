"""Which addresses upstreams may have: judged when a URL is saved, and again on the address a socket will use."""

import ipaddress
import logging
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx

from gatewaysite.errors import BadInput, FieldError

log = logging.getLogger(__name__)

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

URL_LIMIT = 2048

# Cloud metadata and platform services. Never called, not even when a wider network is allowed.
NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.169.254/32",
        "169.254.170.2/32",
        "168.63.129.16/32",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
    )
)
# Python's is_global lets these through.
NOT_PUBLIC: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text) for text in ("192.88.99.0/24", "2001::/23", "3fff::/20")
)
PUBLIC_IPV6 = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
COMPATIBLE = IPv6Network("::/96")

# Services that are not HTTP but may be talked into something by an HTTP request: the browsers' list, and databases,
# caches, brokers and orchestration ports as they are found in private networks.
REFUSED_PORTS = frozenset(
    {0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109}
    | {110, 111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 179, 389, 427, 445, 465, 512, 513, 514, 515}
    | {526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723}
    | {2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 5433, 5672, 5900, 6000, 6379}
    | {6380, 6432, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9092, 10080, 10250, 11211, 27017}
)
# A URL is refused before any parser can disagree with another about it: spaces, controls, backslashes.
UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029\ufeff]")
AUTHORITY = re.compile(r"[a-zA-Z]+://[^/?#]+")
DEFAULT_PORTS = {"http": 80, "https": 443}
LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "home.arpa")


class AddressNotAllowed(BadInput):
    """This address is not allowed for an upstream."""

    status, code = 422, "address_not_allowed"


@dataclass(frozen=True)
class ParsedTarget:
    """A URL that may be saved: as it will be sent, and where it leads as far as one can tell without DNS."""

    url: str
    scheme: str
    host: str
    port: int
    address: Address | None


class AddressGuard:
    """The rules for one set of allowed private networks; immutable, shared by every connection."""

    def __init__(self, allowed_networks: Iterable[str | Network] = ()) -> None:
        self.allowed = tuple(ipaddress.ip_network(network) for network in allowed_networks)
        self.permits = lru_cache(maxsize=1024)(self._permits)

    def _permits(self, address: str) -> bool:
        """Whether a socket may be opened to this address, written as the resolver gave it."""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return all(self._allows(part) for part in effective(parsed))

    def _allows(self, address: Address) -> bool:
        if any(address in network for network in NEVER):
            return False
        return any(address in network for network in self.allowed) or is_public(address)


def check_url(url: str, allowed_networks: Iterable[str | Network] = (), *, field: str = "url") -> ParsedTarget:
    """The target of a URL somebody wants saved, or AddressNotAllowed. Asks no DNS: names are judged when connecting."""
    parsed = _parse(url, field)
    target = _target(parsed, field)
    guard = AddressGuard(allowed_networks)
    if target.address is not None and not guard.permits(str(target.address)):
        raise _refusal(field, f"address {target.address} is not public")
    if target.address is None and _is_local_name(target.host) and not guard.allowed:
        raise _refusal(field, f"name {target.host!r} is local")
    return target


def effective(address: Address) -> Iterator[Address]:
    """The addresses packets will really go to: those wrapped in a transition address, or the address itself."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    elif address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    else:
        yield address


def is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in PUBLIC_IPV6:
        return False
    listed = any(address in network for network in NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not address.is_reserved and not listed


def _parse(url: str, field: str) -> httpx.URL:
    authority = AUTHORITY.match(url)
    if len(url) > URL_LIMIT or UNSAFE.search(url) or authority is None:
        raise _refusal(field, "not a plain absolute URL")
    if "@" in authority[0] or "#" in url:
        raise _refusal(field, "credentials or a fragment in the URL")
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise _refusal(field, "not a URL") from None


def _target(url: httpx.URL, field: str) -> ParsedTarget:
    host = url.raw_host.decode("ascii").strip("[]").lower()
    port = DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port
    if url.scheme not in DEFAULT_PORTS:
        raise _refusal(field, f"scheme {url.scheme!r}")
    if not host.strip(".") or "%" in host:
        raise _refusal(field, "no usable host")
    if port in REFUSED_PORTS or port > 65535:
        raise _refusal(field, f"port {port}")
    return ParsedTarget(str(url), url.scheme, host, port, _literal(host, field))


def _literal(host: str, field: str) -> Address | None:
    """The address a numeric host stands for. Odd spellings (127.1, 0x7f000001) are refused, not corrected."""
    try:
        return ipaddress.ip_address(host.rstrip("."))
    except ValueError:
        pass
    try:
        socket.getaddrinfo(host.rstrip("."), None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    raise _refusal(field, f"odd spelling of an address: {host!r}")


def _is_local_name(host: str) -> bool:
    labels = host.rstrip(".").split(".")
    return any(labels[-len(name.split(".")) :] == name.split(".") for name in LOCAL_NAMES)


def _refusal(field: str, detail: str) -> AddressNotAllowed:
    """One message for every reason, so that saving a URL cannot be used to look around; the reason is logged."""
    log.info("upstream address refused", extra={"field": field, "detail": detail})
    message = (
        "This URL is not allowed for an upstream: it must begin with http:// or https:// "
        "and lead to a public address or into UPSTREAM_ALLOWED_NETWORKS."
    )
    return AddressNotAllowed(message, fields=[FieldError(("body", field), message, "address_not_allowed")])
