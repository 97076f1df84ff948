"""A real handshake with a server, and what it says it has. On the event loop; nothing is held."""

import asyncio
import time
from dataclasses import replace
from typing import Literal

from proxy_app.federation.offer import storable
from proxy_app.federation.sync import LISTS
from proxy_app.probing.data import FailureClass, HandshakeData
from proxy_app.upstream import mcp
from proxy_app.upstream.errors import UpstreamAuth, UpstreamError, UpstreamTimeout
from proxy_app.upstream.mcp import Discovery, Endpoint

type Source = Literal["none", "form", "stored"]

WITHIN_S = 20.0
ANSWER_WITHIN_S = 8.0
CLASSES: dict[str, FailureClass] = {
    "transport": "transport",
    "timeout": "transport",
    "tls": "tls",
    "auth": "auth",
    "protocol": "protocol",
    "not_mcp": "invalid_response",
}
REMEDIES: dict[FailureClass, str] = {
    "transport": "Check the host and the port, whether the server runs, and whether this gateway is let out to it.",
    "tls": "Give the certificate of the server's authority under TLS, or put the server's own certificate right.",
    "protocol": "The server speaks MCP in a way that this gateway does not; look for a newer version of it.",
    "auth": "Check the credential; a server that asks people to log in wants OAuth.",
    "invalid_response": "Check the path: most servers answer at /mcp. Or ask what is there.",
    "blocked": "Use a public address, or let whoever runs this gateway add the network to UPSTREAM_ALLOWED_NETWORKS.",
}
NO_CREDENTIAL = "Set a credential, or choose OAuth and connect after it is registered."


async def shake_hands(endpoint: Endpoint, source: Source) -> HandshakeData:
    """Every trouble of the server's is in the answer."""
    began = time.monotonic()
    endpoint = replace(endpoint, timeout_s=min(endpoint.timeout_s, ANSWER_WITHIN_S))
    counts: dict[str, int] = {}
    try:
        async with asyncio.timeout(WITHIN_S) as limit:
            discovery = await mcp.detect(endpoint)
            partial = not await _count(replace(endpoint, era=discovery.era), discovery, counts)
    except TimeoutError:
        if not limit.expired() or not counts:
            return failed(UpstreamTimeout(), began, source, has_credential=bool(endpoint.headers or endpoint.query))
        partial = True
    except UpstreamError as error:
        return failed(error, began, source, has_credential=bool(endpoint.headers or endpoint.query))
    finally:
        mcp.forget(endpoint)
    return _greeted(discovery, began, source, counts, partial=partial)


def failed(error: UpstreamError, began: float, source: Source, *, has_credential: bool) -> HandshakeData:
    failure = CLASSES[error.kind]
    nobody = isinstance(error, UpstreamAuth) and not has_credential
    return no_handshake(error.message, failure, source, NO_CREDENTIAL if nobody else "", latency_ms=_ms_since(began))


def no_handshake(
    message: str, failure: FailureClass, source: Source, remedy: str = "", *, latency_ms: int = 0
) -> HandshakeData:
    return {
        "success": False,
        "latencyMs": latency_ms,
        "negotiationPath": None,
        "protocolVersion": None,
        "serverName": None,
        "serverVersion": None,
        "capabilities": None,
        "componentCounts": None,
        "countsPartial": False,
        "credentialSource": source,
        "failureClass": failure,
        "error": message,
        "rawPreview": None,
        "message": message,
        "remedy": remedy or REMEDIES[failure],
    }


async def _count(endpoint: Endpoint, discovery: Discovery, counts: dict[str, int]) -> bool:
    """How many of each it lists, as far as it declares to have them. False when a list could not be had."""
    whole = True
    for method in LISTS:
        name = method.split("/")[0]
        if name not in discovery.capabilities:
            continue
        try:
            counts[name] = counts.get(name, 0) + len(await mcp.list_all(endpoint, method))
        except UpstreamError:
            whole = False
    return whole


def _greeted(
    discovery: Discovery, began: float, source: Source, counts: dict[str, int], *, partial: bool
) -> HandshakeData:
    name = discovery.server_name or "The server"
    return {
        "success": True,
        "latencyMs": _ms_since(began),
        "negotiationPath": "server/discover" if discovery.era == "modern" else "initialize",
        "protocolVersion": discovery.protocol_version,
        "serverName": discovery.server_name or None,
        "serverVersion": discovery.server_version or None,
        "capabilities": storable(discovery.capabilities) or {},
        "componentCounts": counts,
        "countsPartial": partial,
        "credentialSource": source,
        "failureClass": None,
        "error": None,
        "rawPreview": None,
        "message": f"{name} answers, with MCP {discovery.protocol_version}.",
        "remedy": None,
    }


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
