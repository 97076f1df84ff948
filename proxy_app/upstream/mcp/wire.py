"""MCP's names on the wire: versions, headers, reserved `_meta` keys, error codes, and how header values are written."""

import base64
import re
from typing import Literal

from gatewaysite import __version__

type Era = Literal["modern", "legacy"]

MODERN_VERSIONS = ("2026-07-28",)
LEGACY_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")

VERSION_HEADER = b"MCP-Protocol-Version"
SESSION_HEADER = b"Mcp-Session-Id"
METHOD_HEADER = b"Mcp-Method"
NAME_HEADER = b"Mcp-Name"
PARAM_PREFIX = "Mcp-Param-"

META_PREFIX = "io.modelcontextprotocol/"
META_VERSION = META_PREFIX + "protocolVersion"
META_CAPABILITIES = META_PREFIX + "clientCapabilities"
META_CLIENT = META_PREFIX + "clientInfo"
META_SERVER = META_PREFIX + "serverInfo"
META_LOG_LEVEL = META_PREFIX + "logLevel"

METHOD_NOT_FOUND = -32601
UNSUPPORTED_VERSION = -32022

CLIENT_INFO = b'{"name":"poolgate","version":"%b"}' % __version__.encode()

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # what the name of a header may be (RFC 9110, 5.6.2)
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_WRAPPED = re.compile(r"=\?base64\?.*\?=")


def header_value(text: str) -> bytes:
    """Plain visible ASCII as it is, anything else in base64 as the specification says."""
    if _PLAIN.fullmatch(text) and not _WRAPPED.fullmatch(text):
        return text.encode("ascii")
    return b"=?base64?" + base64.b64encode(text.encode()) + b"?="


def param_header(name: str, value: str) -> tuple[bytes, bytes] | None:
    """The header that mirrors an argument, or None when the tool's schema names it in a way no header can be."""
    return ((PARAM_PREFIX + name).encode("ascii"), header_value(value)) if TOKEN.fullmatch(name) else None
