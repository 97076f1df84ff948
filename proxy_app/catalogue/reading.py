"""Reading an MCP registry over HTTP, with nothing held: all of its pages, bounded in every direction."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
from django.conf import settings

from proxy_app.catalogue.entries import Entry
from proxy_app.catalogue.registries import NotARegistry, entries_of, page_of
from proxy_app.upstream.addresses import check_url
from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.client import client, send
from proxy_app.upstream.errors import UpstreamProtocol, UpstreamStatus, UpstreamTimeout

WITHIN_S = 60.0
PAGE_LIMIT_BYTES = 4 * 1024 * 1024
# A registry of everything has tens of thousands; a catalogue that people look through, and a row, do not.
PER_PAGE, MOST_PAGES = 100, 20


@dataclass(frozen=True)
class Reading:
    """`etag` is that of the only page; of several it would say nothing of the others."""

    entries: list[Entry]
    skipped: int
    etag: str


async def read_registry(url: str, etag: str) -> Reading | None:
    """What the registry lists; None when that is what `etag` stands for. Raises UpstreamError, AddressNotAllowed."""
    await asyncio.to_thread(check_url, url, settings.UPSTREAM_ALLOWED_NETWORKS)
    try:
        async with asyncio.timeout(WITHIN_S):
            return await _read(url, etag)
    except TimeoutError:
        raise UpstreamTimeout(f"The registry did not tell everything within {WITHIN_S:.0f} s.") from None


async def _read(url: str, etag: str) -> Reading | None:
    servers: list[Any] = []
    cursor = new_etag = ""
    for number in range(MOST_PAGES):
        response = await _ask(url, cursor, "" if number else etag)
        body = await read_body(response, PAGE_LIMIT_BYTES)
        if response.status_code == 304 and etag and not number:
            return None
        if response.status_code != 200:
            raise UpstreamStatus(f"The registry answered {response.status_code}.")
        try:
            page = page_of(body)
        except NotARegistry as error:
            raise UpstreamProtocol(str(error)) from error
        servers += page.servers
        new_etag = response.headers.get("etag", "")[:200] if not number and not page.next_cursor else ""
        cursor = page.next_cursor
        if not cursor:
            break
    entries, skipped = await asyncio.to_thread(entries_of, servers)
    return Reading(entries, skipped, new_etag)


async def _ask(url: str, cursor: str, etag: str) -> httpx.Response:
    asked = {"limit": str(PER_PAGE), "version": "latest"} | ({"cursor": cursor} if cursor else {})
    headers = {"accept": "application/json"} | ({"if-none-match": etag} if etag else {})
    request = client().build_request("GET", httpx.URL(url).copy_merge_params(asked), headers=headers)
    return await send(request, upstream="catalogue", idempotent=True)
