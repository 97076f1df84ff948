"""Results of our own, in the members that each era wants of them."""

import msgspec

from proxy_app.dataplane.mcp.exchange import SERVER_INFO, Exchange
from proxy_app.upstream.mcp.wire import META_SERVER

# How long a modern client may keep a list (MCP 2026-07-28, caching). Lists are per caller, so never shared.
LIST_TTL_MS = 5_000
MODERN_EXTRAS = b',"resultType":"complete","_meta":' + msgspec.json.encode({META_SERVER: SERVER_INFO})
CACHING = b',"ttlMs":%d,"cacheScope":"private"' % LIST_TTL_MS


def result(exchange: Exchange, members: bytes, *, caching: bool = True) -> bytes:
    """The members, which are the inside of a JSON object, as the whole result. `caching`: it may be kept a while."""
    if not exchange.modern:
        return b"{" + members + b"}"
    return b"{" + members + (CACHING if caching else b"") + MODERN_EXTRAS + b"}"


def kept_private(answer: bytes) -> bytes:
    """An upstream's result as it may be kept: by nobody else, and no longer than ours, for we say who sees it."""
    members = msgspec.json.decode(answer, type=dict[str, msgspec.Raw])
    if bytes(members.get("resultType", b'"complete"')) != b'"complete"':
        return answer
    try:
        ttl_ms = msgspec.json.decode(members.get("ttlMs", msgspec.Raw(b"0")), type=int)
    except msgspec.DecodeError:
        ttl_ms = 0
    kept = {"resultType": "complete", "ttlMs": min(max(ttl_ms, 0), LIST_TTL_MS), "cacheScope": "private"}
    return msgspec.json.encode(members | kept)
