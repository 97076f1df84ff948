"""What providers sign: whether it is theirs, for us, of now, and the answer to our question."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

import jwt

from auth_app.sso.discovery import Json, key_set, key_set_again
from auth_app.sso.errors import SsoRejected

# Never "none", and never HMAC, whose key would be the one that everybody can read.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512, "EdDSA": hashlib.sha512}
# By the first letter of the algorithm.
KEY_TYPES = {"R": "RSA", "P": "RSA", "E": "EC"}
CLOCKS_DIFFER_BY_S = 60
LOGOUT_TOKEN_LASTS_S = 600
LONGEST_TOKEN = 64 * 1024
LOGGED_OUT = "http://schemas.openid.net/event/backchannel-logout"


def read_id_token(
    token: str, config: Mapping[str, Any], client_id: str, *, nonce: str, access_token: str, needs_at_hash: bool
) -> Json:
    """Its claims. Raises SsoRejected, which says what is wrong with it."""
    claims, algorithm = _verified(token, config, client_id, needs=("iss", "sub", "aud", "exp", "iat"))
    if not _is_for(client_id, claims):
        raise SsoRejected("The ID token was made for somebody else.")
    if not nonce or not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise SsoRejected("The ID token answers another log-in.")
    expected = claims.get("at_hash")
    if expected is None and needs_at_hash:
        raise SsoRejected("The ID token does not say which access token it belongs to.")
    if expected is not None and str(expected) != _half_hash(access_token, algorithm):
        raise SsoRejected("The ID token belongs to another access token.")
    return claims


def read_logout_token(token: str, config: Mapping[str, Any], client_id: str) -> Json:
    """The claims of a back-channel logout token. Raises SsoRejected."""
    claims, _algorithm = _verified(token, config, client_id, needs=("iss", "aud", "iat", "jti", "events"))
    if float(claims["iat"]) < time.time() - LOGOUT_TOKEN_LASTS_S:
        raise SsoRejected("The logout token is too old.")
    events = claims["events"]
    if not isinstance(events, Mapping) or not isinstance(events.get(LOGGED_OUT), Mapping):
        raise SsoRejected("This is no logout token.")
    if "nonce" in claims or not (claims.get("sub") or claims.get("sid")):
        raise SsoRejected("A logout token names a person or a session, and has no nonce.")
    return claims


def _verified(token: Any, config: Mapping[str, Any], client_id: str, *, needs: tuple[str, ...]) -> tuple[Json, str]:
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        raise SsoRejected("The provider sent no ID token.")
    try:
        header = jwt.get_unverified_header(token)
        algorithm = str(header.get("alg"))
        if algorithm not in ALGORITHMS:
            raise SsoRejected("The token is signed in a way that is not accepted.")
        claims: Json = jwt.decode(
            token,
            _key(config["jwks_uri"], header.get("kid"), algorithm),
            algorithms=[algorithm],
            audience=client_id,
            issuer=config["issuer"],
            leeway=CLOCKS_DIFFER_BY_S,
            options={"require": list(needs)},
        )
    except (jwt.PyJWTError, RecursionError) as error:
        raise SsoRejected(f"The token is not valid: {error}"[:200]) from error
    return claims, algorithm


def _key(jwks_uri: str, kid: object, algorithm: str) -> jwt.PyJWK:
    """The one key it may be signed with. Keys change: an unknown one is looked for once more."""
    for keys in (key_set, key_set_again):
        fitting = [key for key in keys(jwks_uri) if _fits(key, kid, algorithm)]
        if len(fitting) == 1:
            return jwt.PyJWK.from_dict(fitting[0], algorithm=algorithm)
    raise SsoRejected("The token is signed with a key that the provider does not publish.")


def _fits(key: Json, kid: object, algorithm: str) -> bool:
    signs = (
        key.get("kty") == ("OKP" if algorithm == "EdDSA" else KEY_TYPES[algorithm[0]])
        and key.get("use", "sig") == "sig"
    )
    return signs and key.get("alg", algorithm) == algorithm and (kid is None or key.get("kid") == kid)


def _is_for(client_id: str, claims: Json) -> bool:
    """Made for us alone, or for several of whom we asked for it."""
    others = isinstance(claims["aud"], list) and set(claims["aud"]) != {client_id}
    return claims.get("azp", None if others else client_id) == client_id


def _half_hash(access_token: str, algorithm: str) -> str:
    """The left half of the access token's hash, by the algorithm that signs."""
    made = HASHES[algorithm if algorithm == "EdDSA" else algorithm[2:]]
    digest = made(access_token.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
