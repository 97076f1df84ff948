"""Looking at the installation from outside, through whatever stands in front of it. Asks without any credential."""

import http.client
from urllib.parse import SplitResult, urlsplit

from gatewaysite.doctor.findings import NotSeen
from gatewaysite.doctor.installation import Answer, Front
from gatewaysite.doctor.secrecy import quote

TIMEOUT_S = 5.0
BODY_LIMIT_BYTES = 4096


def look_from_outside(url: str) -> Front | NotSeen:
    try:
        return Front(url=url, livez=_get(url, "/livez"), login=_get(url, "/login"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        detail = quote(str(error) or type(error).__name__)
        return NotSeen(f"{url} does not answer.", detail, "Start the gateway and its proxy, or correct --url.")


def _get(url: str, path: str) -> Answer:
    parts = urlsplit(url)
    connection = _connection(parts)
    try:
        connection.request("GET", parts.path.rstrip("/") + path, headers={"User-Agent": "poolgate doctor"})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read(BODY_LIMIT_BYTES).decode(errors="replace"))
    finally:
        connection.close()


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    """TLS as a client sees it: a certificate that is not trusted here is an answer that does not come."""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
