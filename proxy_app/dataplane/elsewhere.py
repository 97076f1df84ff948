"""Access tokens that a trusted issuer has signed: proved by its keys, which are kept in memory, and by nothing else.

Which keys an issuer has is read where its metadata says, from the issuer's own URL in its row. What a token says of
keys (jku, jwk, x5u) is not looked at.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import jwt

from auth_app.current import InvalidCredential
from auth_app.oauth.entries import Issuer
from auth_app.oauth.scopes import SUPPORTED
from auth_app.tokens.entries import TokenEntry
from proxy_app.dataplane.keys import keyring
from proxy_app.snapshot.entries import Access, Snapshot
from proxy_app.snapshot.keeper import current
from proxy_app.snapshot.oauth import acting

# Asymmetric only: with a public key as the secret of HS256, whoever can read it could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_S = 30
LONGEST = 16 * 1024
# Tokens that were proved, until they end, so that each is proved once.
PROVED_LIMIT = 10_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proved:
    """What a token says, after its signature, issuer and time were proved."""

    issuer: str
    claims: dict[str, Any]
    ends: float


_proved: OrderedDict[bytes, Proved] = OrderedDict()


def signed_elsewhere(headers: dict[bytes, bytes]) -> str | None:
    """The token, if it looks like a signed one; ours have no dots."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    token = token.strip()
    looks_signed = scheme.lower() == b"bearer" and token.startswith(b"ey") and token.count(b".") == 2
    return token.decode("latin1") if looks_signed and len(token) <= LONGEST else None


async def entry_of_elsewhere(token: str, resource: str) -> TokenEntry:
    """Whom it acts for at this resource. Raises InvalidCredential, and Refused when the issuer's keys cannot be had."""
    key = hashlib.sha256(token.encode("latin1")).digest()  # of all of it: tokens of one issuer begin alike
    proved = _proved.get(key)
    if proved is None or proved.ends <= time.time():
        proved = await _prove(token)
        _keep(key, proved)
    return _entry(current(), proved, resource)


async def _prove(token: str) -> Proved:
    try:
        header = jwt.get_unverified_header(token)
        unproved = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise InvalidCredential from None
    issuer = unproved.get("iss")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(issuer, str) or issuer not in current().access.issuers or algorithm not in ALGORITHMS:
        raise InvalidCredential
    if header.get("crit") or not (kid is None or isinstance(kid, str)):
        raise InvalidCredential
    for public in await keyring.keys_of(issuer, kid):
        # An RSA or elliptic signature is proved in 0.1 ms, but a key of 16,384 bits takes its time.
        claims = await asyncio.to_thread(_claims, token, public, algorithm, issuer)
        if claims is not None:
            return Proved(issuer, claims, float(claims["exp"]))
    raise InvalidCredential


def _claims(token: str, public: jwt.PyJWK, algorithm: str, issuer: str) -> dict[str, Any] | None:
    """None when it was not signed by this key. Raises InvalidCredential when it was, and is not good."""
    if public.algorithm_name != algorithm:
        return None
    options: Any = {"require": ["exp", "iss", "sub", "aud"], "verify_aud": False}
    try:
        return jwt.decode(token, public, algorithms=[algorithm], issuer=issuer, leeway=LEEWAY_S, options=options)
    except jwt.InvalidSignatureError:
        return None
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _refused(issuer, str(error)) from None


def _keep(key: bytes, proved: Proved) -> None:
    _proved[key] = proved
    _proved.move_to_end(key)
    while len(_proved) > PROVED_LIMIT:
        _proved.popitem(last=False)


def _entry(snapshot: Snapshot, proved: Proved, resource: str) -> TokenEntry:
    """Whom it is for, and who that is, are asked each time: an issuer may be disabled, and a person locked out."""
    access = snapshot.access
    issuer = access.issuers.get(proved.issuer)
    if issuer is None:
        raise InvalidCredential
    if not _is_for_us(issuer, proved.claims, resource):
        raise _refused(issuer.issuer, f"its audience is neither {resource} nor one that the issuer's row names")
    person_id = _person_id(access, issuer, proved.claims)
    person = access.people.get(person_id) if person_id else None
    if person is None:
        raise _refused(issuer.issuer, f"by its sub and {issuer.person_claim} it is for nobody here")
    token_id = uuid5(issuer.id, str(proved.claims["sub"]))  # for records and rates: this person at this issuer
    actor = acting(access, person, token_id, _scopes(proved.claims))
    return TokenEntry(actor, datetime.fromtimestamp(proved.ends, UTC))


def _refused(issuer: str, why: str) -> InvalidCredential:
    """The log is told why, the caller is not. Nobody without a good signature fills the log with this."""
    log.info("a token of a trusted issuer was refused", extra={"issuer": issuer, "why": why})
    return InvalidCredential()


def _is_for_us(issuer: Issuer, claims: dict[str, Any], resource: str) -> bool:
    told = claims["aud"]
    audiences = {told} if isinstance(told, str) else {one for one in told if isinstance(one, str)}
    return not audiences.isdisjoint(issuer.audiences or (resource,))


def _person_id(access: Access, issuer: Issuer, claims: dict[str, Any]) -> UUID | None:
    if (known := issuer.subjects.get(str(claims["sub"]))) is not None:
        return known
    email = claims.get(issuer.person_claim)
    is_email_claim = issuer.person_claim == "email"
    if not isinstance(email, str) or (is_email_claim and claims.get("email_verified") is not True):
        return None
    return access.people_by_email.get(email.lower())


def _scopes(claims: dict[str, Any]) -> list[str]:
    """As RFC 9068 has them, or as Entra does (scp). Of an issuer that has none of ours its people may do all of it."""
    told = claims.get("scope", claims.get("scp", ""))
    names = told.split() if isinstance(told, str) else [one for one in told if isinstance(one, str)]
    return names if any(name in SUPPORTED for name in names) else list(SUPPORTED)
