"""What providers publish of themselves: their endpoints, and the keys they sign with. Kept for a while."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from auth_app.sso.errors import SsoUnavailable
from auth_app.sso.outgoing import fetch_json

WELL_KNOWN = "/.well-known/openid-configuration"
KEPT_FOR_S = 3600.0
# A provider that failed a moment ago is not asked again at once.
FAILED_FOR_S = 5.0
# Keys that are not known are looked for again, but not for everybody who makes one up.
KEYS_AGAIN_AFTER_S = 30.0
MOST_KEPT = 100
MOST_KEYS = 100
NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
ENDPOINTS = (*NEEDED[1:], "userinfo_endpoint", "end_session_endpoint")

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    at: float = field(default_factory=time.monotonic)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.at


_kept: dict[str, _Kept] = {}


def configuration(issuer: str, *, afresh: bool = False) -> Json:
    """The provider's metadata. Raises SsoUnavailable when there are none, or they are somebody else's."""
    if afresh:
        _kept.pop(issuer, None)
    return _known(issuer, KEPT_FOR_S, lambda: _checked(issuer, fetch_json(_address(issuer))))


def key_set(jwks_uri: str) -> list[Json]:
    """The keys it publishes, as long as they were known already."""
    return _known(f"keys {jwks_uri}", KEPT_FOR_S, lambda: _keys(fetch_json(jwks_uri)))


def key_set_again(jwks_uri: str) -> list[Json]:
    """The keys it publishes now; if somebody looked for new ones a moment ago, what was said then."""
    keys = _known(f"again {jwks_uri}", KEYS_AGAIN_AFTER_S, lambda: _keys(fetch_json(jwks_uri)))
    _keep(f"keys {jwks_uri}", keys)
    return keys


def listed(config: Mapping[str, Any], name: str, otherwise: list[str]) -> list[str]:
    """One of the lists a provider may publish, or not."""
    found = config.get(name)
    return [str(one)[:200] for one in found[:100]] if isinstance(found, list) else otherwise


def forget_all() -> None:
    _kept.clear()


def _address(issuer: str) -> str:
    return issuer.rstrip("/") + WELL_KNOWN


def _known[T](name: str, for_s: float, ask: Callable[[], T]) -> T:
    known = _kept.get(name)
    if known and known.age_s < (FAILED_FOR_S if isinstance(known.value, str) else for_s):
        if isinstance(known.value, str):
            raise SsoUnavailable(known.value)
        value: T = known.value
        return value
    try:
        value = ask()
    except SsoUnavailable as error:
        _keep(name, error.message)
        raise
    _keep(name, value)
    return value


def _keep(name: str, value: Any) -> None:
    while len(_kept) >= MOST_KEPT and name not in _kept:
        del _kept[next(iter(_kept))]
    _kept[name] = _Kept(value)


def _checked(issuer: str, found: Any) -> Json:
    if not isinstance(found, Mapping) or any(not isinstance(found.get(name), str) for name in NEEDED):
        raise SsoUnavailable("The provider's metadata lack what is needed to sign in.")
    # To the byte: what nearly is this issuer is another one.
    if found["issuer"] != issuer:
        raise SsoUnavailable(f"The metadata are of another issuer: {str(found['issuer'])[:200]}")
    for name in ENDPOINTS:
        url = found.get(name, "")
        if not isinstance(url, str) or (url and not _as_safe_as(issuer, url)):
            raise SsoUnavailable(f"The provider's {name} is not as safe as its issuer.")
    return dict(found)


def _as_safe_as(issuer: str, url: str) -> bool:
    schemes = {"https"} if issuer.startswith("https://") else {"https", "http"}
    return urlsplit(url).scheme in schemes


def _keys(found: Any) -> list[Json]:
    keys = found.get("keys") if isinstance(found, Mapping) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise SsoUnavailable("The provider publishes no keys.")
    return keys[:MOST_KEYS]
