"""Where a client may have people sent back to: what may be registered, and what is the same as what was registered."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST, MOST = 500, 10
# Nothing a browser would run or read itself. What is left of other schemes belongs to programs on people's machines.
NEVER = frozenset(
    {"about", "blob", "chrome", "data", "file", "filesystem", "ftp", "intent", "javascript", "mailto", "vbscript"}
    | {"view-source", "ws", "wss"}
)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
# Spaces, controls, backslashes and wildcards are where two parsers disagree.
UNSAFE = re.compile(r"[^\x21-\x7e]|[\\*#<>\"^`{|}]")


class BadRedirect(ValueError):
    """Says what is wrong with it."""


def check(uri: str) -> None:
    """Raises BadRedirect for what nobody may register."""
    parts = _split(uri)
    if parts.scheme in NEVER or not SCHEME.fullmatch(parts.scheme):
        raise BadRedirect("A redirect URI must begin with https://, or with the scheme of an application")
    if parts.scheme in ("http", "https") and not parts.hostname:
        raise BadRedirect("A redirect URI must name a host")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise BadRedirect("A redirect URI with http:// must lead to the person's own machine")


def is_registered(uri: str, registered: list[str]) -> bool:
    """To the letter, but for the port on the person's own machine, which a program gets when it starts (RFC 8252)."""
    if uri in registered:
        return True
    try:
        asked = _without_port(uri)
        return asked is not None and asked in [_without_port(one) for one in registered]
    except BadRedirect:
        return False


@dataclass(frozen=True, slots=True)
class Target:
    """What a person is told of where an answer goes. `kind`: "web", "machine" or "program"."""

    host: str
    kind: str
    # For the page's Content-Security-Policy: a form may end there.
    csp_source: str


def target_of(uri: str) -> Target:
    parts = _split(uri)
    if parts.scheme not in ("http", "https"):
        return Target(f"{parts.scheme}:", "program", f"{parts.scheme}:")
    kind = "machine" if parts.hostname in LOOPBACK else "web"
    # Such a policy has no notation for an address of IPv6.
    source = f"{parts.scheme}:" if ":" in (parts.hostname or "") else f"{parts.scheme}://{parts.netloc}"
    return Target(parts.netloc, kind, source)


def _without_port(uri: str) -> tuple[str, ...] | None:
    """None for what does not lead to the person's own machine."""
    parts = _split(uri)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        return None
    return parts.scheme, str(parts.hostname), parts.path, parts.query


def _split(uri: str) -> SplitResult:
    if len(uri) > LONGEST or UNSAFE.search(uri):
        raise BadRedirect("A redirect URI has no fragment, no wildcard, no spaces, and at most 500 characters")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise BadRedirect("This is no URI") from None
    if "@" in parts.netloc or port == 0 or not uri.startswith(f"{parts.scheme}:"):
        raise BadRedirect("A redirect URI has a scheme in small letters, and no credentials")
    return parts
