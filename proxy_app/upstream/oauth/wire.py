"""Requests to authorization servers: small, bounded, never redirected, through the one client and its guard."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
from django.conf import settings

from proxy_app.upstream import client
from proxy_app.upstream.addresses import AddressNotAllowed, check_url
from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.errors import UpstreamTimeout, UpstreamTooLarge, UpstreamUnreachable

ANSWER_LIMIT_BYTES = 256 * 1024
ANSWER_WITHIN_S = 8.0
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Reply:
    """`members` of the JSON object that came; none for anything else."""

    status: int
    members: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def text(self, name: str) -> str:
        """A member that should be text; empty if it is not there, or is not."""
        value = self.members.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.members.get(name)
        return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


async def get_json(url: str) -> Reply:
    return await _ask("GET", url)


async def post_form(url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
    return await _ask("POST", url, urlencode(fields).encode(), {"Content-Type": FORM, **headers})


async def post_json(url: str, members: Mapping[str, Any]) -> Reply:
    return await _ask("POST", url, msgspec.json.encode(members), {"Content-Type": "application/json"})


async def _ask(method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
    """Raises UpstreamError. An address that is not allowed looks like one where nobody answers."""
    try:
        target = await asyncio.to_thread(check_url, url, settings.UPSTREAM_ALLOWED_NETWORKS)
    except AddressNotAllowed as error:
        raise UpstreamUnreachable from error
    request = httpx.Request(
        method,
        target.url,
        headers={"Accept": "application/json", "User-Agent": client.USER_AGENT, **(headers or {})},
        stream=httpx.ByteStream(body),
        extensions={"timeout": {"read": ANSWER_WITHIN_S, "total": ANSWER_WITHIN_S}},
    )
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            response = await client.send(request, idempotent=method == "GET")
            return Reply(response.status_code, _members(await read_body(response, ANSWER_LIMIT_BYTES)))
    except TimeoutError:
        raise UpstreamTimeout("The authorization server did not answer in time.") from None
    except UpstreamTooLarge:
        raise UpstreamTooLarge("The authorization server's answer is larger than this gateway accepts.") from None


def _members(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
