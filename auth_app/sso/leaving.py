"""Where a session that began at a provider is ended there too: OpenID Connect RP-Initiated Logout."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from gatewaysite.secrets import CannotUnseal, open_sealed


def end_there(facts: Mapping[str, str]) -> str:
    """The address, from what the session kept; empty where there is none."""
    try:
        kept = open_sealed(facts.get("end", ""))
    except CannotUnseal:
        return ""
    if not kept:
        return ""
    back = settings.PUBLIC_URL + reverse("login")
    query = urlencode({"id_token_hint": kept["hint"], "post_logout_redirect_uri": back})
    return f"{kept['url']}{'&' if '?' in kept['url'] else '?'}{query}"
