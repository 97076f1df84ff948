"""Where an OpenAPI document's requests go, and which credential it asks for."""

import re
from typing import Any
from urllib.parse import urljoin

from proxy_app.rest.openapi.schemas import Json, NotThere, Reader

URL_LIMIT = 2000


def base_of(document: Json, found_at: str = "") -> str:
    """The first server's address, with its variables as they are by default; empty when none is whole."""
    servers = document.get("servers")
    for server in [*(servers if isinstance(servers, list) else []), {"url": "/"}]:
        url = _address(server) if isinstance(server, dict) else ""
        whole = urljoin(found_at, url) if found_at else url
        if whole.startswith(("https://", "http://")) and "{" not in whole and len(whole) <= URL_LIMIT:
            return whole.rstrip("/")
    return ""


def credential_of(document: Json) -> tuple[dict[str, str], list[str]]:
    """What the first of its schemes that we know would be filled in as, without the secret; and what is not known."""
    try:
        schemes = Reader(document).resolved(document.get("components")).get("securitySchemes")
    except NotThere:
        schemes = None
    problems = []
    found: dict[str, str] = {}
    for name, scheme in schemes.items() if isinstance(schemes, dict) else ():
        taken, problem = _scheme(scheme if isinstance(scheme, dict) else {}, str(name)[:100])
        found = found or taken
        problems += [problem] if problem else []
    return found, problems


def is_secured(document: Json, operation: Json) -> bool:
    """Whether it asks for a credential; an empty alternative means that it can do without."""
    wanted = operation.get("security", document.get("security"))
    return isinstance(wanted, list) and bool(wanted) and {} not in wanted


def _scheme(scheme: Json, name: str) -> tuple[dict[str, str], str]:
    kind, how = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    if kind == "apiKey" and scheme.get("in") == "header" and isinstance(scheme.get("name"), str):
        return {"auth_type": "authheaders", "auth_header_key": scheme["name"][:100]}, ""
    if kind == "http" and how in {"bearer", "basic"}:
        return {"auth_type": how}, ""
    if kind in {"oauth2", "openIdConnect"}:
        return {"auth_type": "bearer"}, f"{name} is OAuth: tokens are not fetched for REST tools; give one by hand"
    return {}, f"{name} ({kind} in {scheme.get('in', how)}) is no credential that can be kept here"


def _address(server: Json) -> str:
    variables = server.get("variables")
    known = variables if isinstance(variables, dict) else {}
    return re.sub(r"\{([^{}]*)\}", lambda match: _default(known.get(match[1]), match[0]), str(server.get("url", "")))


def _default(variable: Any, otherwise: str) -> str:
    value = variable.get("default") if isinstance(variable, dict) else None
    return str(value) if value is not None else otherwise
