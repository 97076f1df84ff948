"""What may pass through a proxy route: the rules for paths and for names of headers, when it is saved and when used."""

import re
import unicodedata
from urllib.parse import unquote_to_bytes

from gatewaysite.errors import BadInput

DEFAULT_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# What a client may tell any service without telling it who it is.
DEFAULT_REQUEST_HEADERS = (
    "accept", "accept-encoding", "accept-language", "cache-control", "content-language", "idempotency-key", "if-match",
    "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-event-id", "prefer", "range",
    "traceparent", "tracestate", "user-agent",
)  # fmt: skip
# What a client needs to make sense of an answer; nothing that acts upon a browser or tells of the service.
DEFAULT_RESPONSE_HEADERS = (
    "accept-ranges", "allow", "content-disposition", "content-language", "content-range", "etag", "last-modified",
    "link", "location", "preference-applied", "ratelimit-*", "retry-after", "vary", "x-ratelimit-*",
)  # fmt: skip
BODY_LIMIT_BYTES = 100 * 1024 * 1024

# RFC 9110, 7.6.1: these are about one connection, not about the message.
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
    | {b"http2-settings"}
)
# What the gateway says itself, what it was told in confidence, and what claims to be somebody or somewhere else.
NEVER_TO_UPSTREAM = HOP_BY_HOP | frozenset(
    {b"authorization", b"x-api-key", b"cookie", b"host", b"content-length", b"expect", b"max-forwards", b"via"}
    | {b"forwarded", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"client-ip", b"true-client-ip"}
    | {b"cf-connecting-ip", b"fastly-client-ip", b"x-remote-user", b"remote-user", b"x-request-id", b"x-rewrite-url"}
    | {b"x-http-method-override", b"x-http-method", b"x-method-override"}
)
NEVER_TO_UPSTREAM_FROM = (b"x-forwarded-", b"x-gateway-", b"x-original-", b"proxy-")
# What steers the server in front of us, and what says how this very connection goes on.
NEVER_TO_CLIENT = HOP_BY_HOP | frozenset(
    {b"content-length", b"x-request-id", b"x-sendfile", b"x-lighttpd-send-file", b"alt-svc", b"refresh", b"date"}
)
NEVER_TO_CLIENT_FROM = (b"x-accel-", b"x-gateway-", b"proxy-")
# What acts upon a browser or a cache, or tells of the upstream: passed when listed by name, not through a `*`.
BY_NAME_ONLY = frozenset(
    {b"set-cookie", b"server", b"x-powered-by", b"strict-transport-security", b"cache-control", b"expires", b"age"}
    | {b"pragma", b"surrogate-control", b"www-authenticate", b"clear-site-data", b"content-security-policy"}
    | {b"content-security-policy-report-only", b"x-frame-options", b"referrer-policy", b"permissions-policy"}
    | {b"service-worker-allowed", b"sourcemap", b"x-sourcemap", b"report-to", b"nel", b"location"}
)
BY_NAME_ONLY_FROM = (b"access-control-", b"cross-origin-")
# Without these the bytes of a body mean nothing.
ALWAYS = frozenset({b"content-type", b"content-encoding"})

# A name with an underscore is another's twin to servers that turn hyphens into underscores.
HEADER_PATTERN = re.compile(r"[a-z0-9!#$%&'+.^`|~-]{1,99}\*?|\*")

# Most paths: no escapes, no parameters, no segment that is empty or begins with a dot.
PLAIN_PATH = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*/?")
NOT_IN_A_PATH = re.compile(rb"[^!-~]|[\\#?]|%(?![0-9A-Fa-f]{2})")
NOT_IN_A_DECODED_PATH = re.compile(r"[\x00-\x1f\x7f-\x9f\\]|//|%[0-9A-Fa-f]{2}")


class BadPath(BadInput):
    """This path cannot be passed on: it is encoded twice, climbs, or reads differently to different servers."""

    status, code = 400, "bad_path"


def check_path(path: bytes) -> None:
    """Raises BadPath unless every server reads the same place in it. It is then sent as it is, never rewritten.

    Looked at decoded once, and with the look-alikes of dots and slashes folded: `..`, `%2e%2e`, `..%2f`, `%252e`,
    `..;x`, a backslash, `//`, a control character.
    """
    if PLAIN_PATH.fullmatch(path):
        return
    if NOT_IN_A_PATH.search(path) or not path.startswith(b"/"):
        raise BadPath
    try:
        text = unicodedata.normalize("NFKC", unquote_to_bytes(path).decode())
    except UnicodeDecodeError:
        raise BadPath from None
    climbs = any(segment.partition(";")[0].strip() in {".", ".."} for segment in text.split("/"))
    if climbs or NOT_IN_A_DECODED_PATH.search(text):
        raise BadPath


def never_to_upstream(name: bytes) -> bool:
    return name in NEVER_TO_UPSTREAM or name.startswith(NEVER_TO_UPSTREAM_FROM) or b"_" in name


def never_to_client(name: bytes) -> bool:
    return name in NEVER_TO_CLIENT or name.startswith(NEVER_TO_CLIENT_FROM)


def by_name_only(name: bytes) -> bool:
    return name in BY_NAME_ONLY or name.startswith(BY_NAME_ONLY_FROM)
