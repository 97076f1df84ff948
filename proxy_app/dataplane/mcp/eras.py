"""The two eras of MCP on one URL: which one a request is in, and what each era demands of it (docs/glossary.md)."""

import base64
import binascii
from collections.abc import Mapping

from gatewaysite.errors import BadInput
from proxy_app.dataplane.mcp.envelope import Request, text
from proxy_app.dataplane.rpc_errors import HEADER_MISMATCH, INVALID_PARAMS, UNSUPPORTED_VERSION, RpcError
from proxy_app.upstream.mcp.param_headers import Marks, agrees, rendered, value_at
from proxy_app.upstream.mcp.wire import LEGACY_VERSIONS, META_CAPABILITIES, META_VERSION, MODERN_VERSIONS

SUPPORTED_VERSIONS = MODERN_VERSIONS + LEGACY_VERSIONS

VERSION_HEADER = b"mcp-protocol-version"
METHOD_HEADER = b"mcp-method"
NAME_HEADER = b"mcp-name"
# Which member of params a request's Mcp-Name repeats.
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def check_era(request: Request, headers: dict[bytes, bytes]) -> bool:
    """Whether the request is of the modern era. Raises what its era demands and it lacks."""
    modern = _is_modern(request, headers)
    if modern and request.id is not None:
        _check_modern(request, headers)
    else:  # what a modern notification must carry is not defined
        _check_version_header(headers)
    return modern


def _is_modern(request: Request, headers: dict[bytes, bytes]) -> bool:
    """A modern request names its revision in `_meta` and in a header; `initialize` never does (versioning).

    A session id is no sign: one that is left over from the older era means nothing.
    """
    named = META_VERSION in request.meta or headers.get(VERSION_HEADER, b"").decode("latin1") in MODERN_VERSIONS
    return named and request.method != "initialize"


def _check_modern(request: Request, headers: dict[bytes, bytes]) -> None:
    """Headers a middlebox may route on must say what the body says (2026-07-28, streamable HTTP, server validation).

    A client that disagrees with itself is told so before it is told that we do not speak its revision.
    """
    version = request.version
    if missing := [key for key in (META_VERSION, META_CAPABILITIES) if key not in request.meta]:
        raise RpcError(INVALID_PARAMS, f"Invalid params: _meta lacks {', '.join(missing)}", status=400)
    _match("MCP-Protocol-Version", headers.get(VERSION_HEADER), version)
    _match("Mcp-Method", headers.get(METHOD_HEADER), request.method)
    if member := NAMED_BY.get(request.method):
        _match("Mcp-Name", headers.get(NAME_HEADER), text(request.members, member))
    if version is not None and version not in MODERN_VERSIONS:
        data = {"supported": list(SUPPORTED_VERSIONS), "requested": version}
        raise RpcError(UNSUPPORTED_VERSION, f"Unsupported protocol version: {version[:100]}", data=data, status=400)


def check_param_headers(headers: Mapping[bytes, bytes], marks: Marks, arguments: object) -> None:
    """Each marked argument and its header must be there together and say the same, or be absent together."""
    for path, name in marks:
        sent, value = headers.get(b"mcp-param-" + name.lower().encode()), value_at(arguments, path)
        expected = rendered(value)
        if sent is None and expected is None:
            continue
        if sent is None or expected is None or not agrees(decode_header(sent), value):
            argument = ".".join(path)
            message = f"Header Mcp-Param-{name} does not match the argument {argument!r} in the request body"
            raise RpcError(HEADER_MISMATCH, message, status=400)


def _match(header: str, sent: bytes | None, expected: str | None) -> None:
    if sent is None:
        raise RpcError(HEADER_MISMATCH, f"Header {header} is required", status=400)
    if expected is not None and decode_header(sent) != expected:
        raise RpcError(HEADER_MISMATCH, f"Header {header} does not match the request body", status=400)


def decode_header(value: bytes) -> str:
    """A header value, its `=?base64?...?=` wrapping undone. Raises RpcError when it is not a text at all."""
    try:
        if value.startswith(b"=?base64?") and value.endswith(b"?="):
            return base64.b64decode(value[9:-2], validate=True).decode()
        return value.strip().decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RpcError(HEADER_MISMATCH, "A request header holds characters it must not", status=400) from error


def _check_version_header(headers: dict[bytes, bytes]) -> None:
    """Without the header an old client is assumed (2025-03-26); with one, it must be a revision we know."""
    if (version := headers.get(VERSION_HEADER)) and version.decode("latin1") not in SUPPORTED_VERSIONS:
        raise BadVersionHeader


class BadVersionHeader(BadInput):
    """The MCP-Protocol-Version header names a revision this gateway does not speak."""

    status, code = 400, "unsupported_protocol_version"


def negotiated(requested: str | None) -> str:
    """The version to answer `initialize` with: the client's if we speak it, else our newest with a handshake."""
    return requested if requested in LEGACY_VERSIONS else LEGACY_VERSIONS[0]
