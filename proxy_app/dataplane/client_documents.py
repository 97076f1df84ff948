"""Fetching the document that describes an OAuth client, for the page that asks a person about it."""

import httpx

from auth_app.oauth.bodies import DOCUMENT_LIMIT_BYTES
from gatewaysite.errors import NotFound
from proxy_app.dataplane.bridge import TookTooLong, wait_for
from proxy_app.upstream.addresses import check_url
from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.client import client, send
from proxy_app.upstream.errors import UpstreamTimeout

WITHIN_S = 5.0


def fetch_document(url: str) -> bytes:
    """Blocks the calling thread, which must hold no connection. Raises GatewayError. Redirects are not followed."""
    check_url(url)  # where upstreams may be is not where anybody's document may be
    try:
        return wait_for(_fetch(url), WITHIN_S)
    except TookTooLong as error:
        raise UpstreamTimeout("The document did not come in time.") from error


async def _fetch(url: str) -> bytes:
    request: httpx.Request = client().build_request("GET", url, headers={"accept": "application/json"})
    response = await send(request, upstream=f"document {request.url.host}")
    body = await read_body(response, DOCUMENT_LIMIT_BYTES)
    if response.status_code != 200:
        raise NotFound("There is no document")
    return body
