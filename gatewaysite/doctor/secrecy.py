"""Keeps passwords out of what the doctor repeats of other programs' messages."""

import re
from urllib.parse import unquote

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

LONGEST = 300  # of a quoted line
SHORTEST = 3  # shorter pieces would blot out half of every sentence, and tell nobody a password
IN_URL = re.compile(r"://[^:@/?#]*:(.*)@", re.DOTALL)
IN_PARAMETERS = re.compile(r"password\s*=\s*('[^']*'|[^\s&]+)")


def quote(error: BaseException | str) -> str:
    """The first line of somebody else's message, without any password of ours."""
    text = str(error)
    # Before anything is cut: half a password is not found any more, and still half of it.
    for piece in sorted(_pieces(), key=len, reverse=True):
        text = text.replace(piece, "***")
    lines = text.strip().splitlines() or [type(error).__name__]
    return lines[0][:LONGEST].rstrip(".")


def _pieces() -> set[str]:
    """Every secret, and each part of a password that a parser may have taken for a host or a port."""
    secrets = {
        settings.SECRET_KEY,
        *settings.ENCRYPTION_KEYS,
        settings.ADMIN_PASSWORD,
        settings.GATEWAY_BOOTSTRAP_TOKEN,
    }
    for password in (spelling for found in _passwords() for spelling in (found, unquote(found))):
        secrets |= {password, *re.split(r"[@:/?#]", password)}
    return {secret for secret in secrets if len(secret) >= SHORTEST}


def _passwords() -> set[str]:
    url = settings.DATABASE_DIRECT_URL
    found = {match[1].strip("'") for pattern in (IN_URL, IN_PARAMETERS) for match in pattern.finditer(url)}
    return found | {str(connections[DEFAULT_DB_ALIAS].settings_dict.get("PASSWORD") or "")}
