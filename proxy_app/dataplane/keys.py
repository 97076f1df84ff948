"""The public keys of trusted issuers, in memory: read when a token is signed with one we do not know, not often."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from gatewaysite.bodies import parse_json
from gatewaysite.context import begin_background
from gatewaysite.errors import BadBody, Refused
from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.client import client, send
from proxy_app.upstream.errors import UpstreamError

KEPT_FOR_S = 3600.0
# However many tokens come with a key that nobody knows, an issuer is asked no more often than this.
ASKED_AGAIN_AFTER_S = 10.0
WITHIN_S = 5.0
LIMIT_BYTES = 256 * 1024
MOST_KEYS = 100


class KeysUnknown(Refused):
    """The keys of the issuer of this token cannot be read now; try again shortly."""

    reason = "issuer_keys_unavailable"
    come_back_s = 5


@dataclass(slots=True)
class Ring:
    """`asked_at`: when the issuer was asked last, whatever came of it."""

    keys: list[jwt.PyJWK] = field(default_factory=list)
    read_at: float = float("-inf")
    asked_at: float = float("-inf")
    asking: asyncio.Task[None] | None = None


class Keyring:
    """One per process. Everything here runs on the event loop."""

    def __init__(self) -> None:
        self._rings: dict[str, Ring] = {}

    async def keys_of(self, issuer: str, kid: str | None) -> list[jwt.PyJWK]:
        """The keys a token with this `kid` may be signed with. Raises KeysUnknown when the issuer never answered."""
        ring = self._rings.setdefault(issuer, Ring())
        now = time.monotonic()
        known = _fitting(ring, kid)
        is_old = now - ring.read_at > KEPT_FOR_S
        if (is_old or not known) and now - ring.asked_at > ASKED_AGAIN_AFTER_S:
            await self._ask(issuer, ring)
        elif not known and ring.asking is not None:
            await asyncio.shield(ring.asking)
        if not ring.keys:
            raise KeysUnknown
        return _fitting(ring, kid)

    async def _ask(self, issuer: str, ring: Ring) -> None:
        """Together with everybody who asks meanwhile."""
        if ring.asking is None:
            ring.asked_at = time.monotonic()
            ring.asking = asyncio.create_task(_read(issuer, ring))
        await asyncio.shield(ring.asking)


def _fitting(ring: Ring, kid: str | None) -> list[jwt.PyJWK]:
    return [key for key in ring.keys if kid is None or key.key_id == kid]


async def _read(issuer: str, ring: Ring) -> None:
    """What cannot be read leaves the keys there were: an issuer that is away for a while locks nobody out."""
    begin_background("issuer-keys")
    try:
        async with asyncio.timeout(WITHIN_S):
            metadata = await _metadata(issuer)
            told = await _json(_secure(str(metadata["jwks_uri"]), issuer))
        ring.keys = _keys(told)
        ring.read_at = time.monotonic()
    except (TimeoutError, UpstreamError, Refused, BadBody, KeyError, TypeError, httpx.InvalidURL):
        return
    finally:
        ring.asking = None


async def _metadata(issuer: str) -> dict[str, Any]:
    """By OpenID Connect's discovery, else by RFC 8414. Its issuer must be this one, to the letter."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    places = (
        f"{origin}{path}/.well-known/openid-configuration",
        f"{origin}/.well-known/oauth-authorization-server{path}",
    )
    for place in places:
        try:
            told = await _json(place)
        except (UpstreamError, BadBody):
            continue
        if isinstance(told, dict) and told.get("issuer") == issuer:
            return told
    raise KeyError(issuer)


def _secure(url: str, issuer: str) -> str:
    """Keys are read as securely as the document that names them."""
    if issuer.startswith("https://") and not url.startswith("https://"):
        raise BadBody("The issuer's keys are at an address that is not secure")
    return url


async def _json(url: str) -> Any:
    request = client().build_request("GET", url, headers={"accept": "application/json"})
    response = await send(request, upstream=f"issuer {urlsplit(url).netloc}", idempotent=True)
    body = await read_body(response, LIMIT_BYTES)
    if response.status_code != 200:
        raise BadBody("The issuer answered with an error")
    return parse_json(body)


def _keys(told: Any) -> list[jwt.PyJWK]:
    """Those that can prove signatures; what is not a public key for that is passed over."""
    found = []
    for one in told["keys"][:MOST_KEYS]:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") == "oct":
            continue
        try:
            found.append(jwt.PyJWK(one))
        except jwt.PyJWTError:
            continue
    return found


keyring = Keyring()
