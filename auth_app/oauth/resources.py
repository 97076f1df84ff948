"""Our endpoints as OAuth resources: each has a URL, which is the audience of tokens, and a document of its own.

All of it follows from the path alone. Whether there is such a server is not asked, so that its document and its
challenge tell nobody whether it exists.
"""

import re
from typing import Any

from django.conf import settings

from auth_app.oauth.scopes import SUPPORTED

WELL_KNOWN = "/.well-known/oauth-protected-resource"
ENDPOINT = re.compile(r"/(?:mcp|meta/mcp|rpc|servers/(?P<server>[A-Za-z0-9][A-Za-z0-9._-]{0,199})/mcp)")


def resource_at(path: str) -> str | None:
    """The resource that is served at this path, or None where there can be none."""
    path = path.removesuffix("/")
    ours: str = settings.PUBLIC_URL
    return ours + path if ENDPOINT.fullmatch(path) else None


def is_ours(resource: str) -> bool:
    """Whether it is the URL of one of our endpoints, to the letter."""
    return resource.startswith(settings.PUBLIC_URL) and resource_at(resource[len(settings.PUBLIC_URL) :]) == resource


def server_of(resource: str) -> str:
    """The slug or id of the virtual server it is, or "" for the endpoints with everything."""
    found = ENDPOINT.fullmatch(resource.removeprefix(settings.PUBLIC_URL))
    return (found["server"] or "") if found else ""


def document_url(resource: str) -> str:
    """Where clients read about it (RFC 9728)."""
    ours: str = settings.PUBLIC_URL
    return ours + WELL_KNOWN + resource.removeprefix(ours)


def resource_described_at(path: str) -> str | None:
    """The resource that the document at this path is about. The document at the root is about /mcp."""
    return resource_at(path.removeprefix(WELL_KNOWN).removesuffix("/") or "/mcp")


def document(resource: str, authorization_servers: list[str]) -> dict[str, Any]:
    return {
        "resource": resource,
        "authorization_servers": authorization_servers,
        "scopes_supported": list(SUPPORTED),
        "bearer_methods_supported": ["header"],
    }
