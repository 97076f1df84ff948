"""Whether a provider can be reached, and what it offers: the questions of a log-in, without anybody logging in."""

from typing import Any

from auth_app.sso.discovery import configuration, key_set_again, listed
from auth_app.sso.errors import SsoUnavailable
from auth_app.sso.id_tokens import ALGORITHMS
from auth_app.sso.outgoing import Question, ask
from auth_app.sso.provider import ProviderEntry

type Plain = dict[str, Any]


def try_out(entry: ProviderEntry) -> Plain:
    """For its page: whether it works, and lines of what was found."""
    try:
        facts = _of_openid(entry) if entry.kind == "oidc" else _of_oauth(entry)
    except SsoUnavailable as error:
        return {"ok": False, "error": error.message, "facts": []}
    return {"ok": True, "error": "", "facts": [{"label": label, "value": value} for label, value in facts if value]}


def _of_openid(entry: ProviderEntry) -> list[tuple[str, str]]:
    found = configuration(entry.issuer, afresh=True)
    keys = key_set_again(found["jwks_uri"])
    signs = [one for one in listed(found, "id_token_signing_alg_values_supported", ["RS256"]) if one in ALGORITHMS]
    if not signs:
        raise SsoUnavailable("It signs ID tokens in no way that is accepted here.")
    missing = [one for one in entry.scopes if one not in listed(found, "scopes_supported", list(entry.scopes))]
    return [
        ("Authorization", found["authorization_endpoint"]),
        ("Token", found["token_endpoint"]),
        ("User info", found.get("userinfo_endpoint", "")),
        ("Log-out", found.get("end_session_endpoint", "")),
        ("Keys", f"{len(keys)} at {found['jwks_uri']}"),
        ("Signs with", ", ".join(signs)),
        ("PKCE", ", ".join(listed(found, "code_challenge_methods_supported", [])) or "not announced"),
        ("Claims", ", ".join(listed(found, "claims_supported", [])[:40])),
        ("Scopes it does not know", ", ".join(missing)),
    ]


def _of_oauth(entry: ProviderEntry) -> list[tuple[str, str]]:
    """There is nothing to discover; that its API answers is what can be known."""
    status = ask(Question("GET", entry.userinfo_url, {"accept": "application/json"})).status
    return [
        ("Authorization", entry.authorization_url),
        ("Token", entry.token_url),
        ("User info", f"{entry.userinfo_url} answers {status} without a token"),
    ]
