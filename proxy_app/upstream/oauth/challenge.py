"""What a server says with its 401 or 403: the parameters of its Bearer challenge (RFC 6750, RFC 9728)."""

import re

BEARER = re.compile(r"(?:^|,|\s)Bearer(?=\s|$|,)", re.IGNORECASE)
PARAMETER = re.compile(r'[\s,]*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
LIMIT = 8192


def parameters(header: str | None) -> dict[str, str]:
    """By lower-case name. Of a header with several challenges, those of the Bearer one."""
    begin = BEARER.search(header[:LIMIT]) if header else None
    if not header or begin is None:
        return {}
    found: dict[str, str] = {}
    at = begin.end()
    while match := PARAMETER.match(header[:LIMIT], at):
        name, quoted, bare = match.groups()
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare)
        at = match.end()
    return found
