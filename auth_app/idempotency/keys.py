"""What a client calls a request, so that it can be sent again: the header `Idempotency-Key`."""

import re
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from auth_app.actor import Actor
from gatewaysite.errors import BadInput, FieldError

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request by its name. `principal`: whose, a token's or a person's. `fingerprint`: what was sent with it."""

    principal: UUID
    route: str
    key: str
    fingerprint: str


def request_key(request: HttpRequest, actor: Actor, route: str) -> RequestKey | None:
    """The key the caller gave, or None. Raises BadInput for one that is none."""
    said = request.headers.get(HEADER)
    if said is None:
        return None
    key = said.strip()
    key = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if not KEY.fullmatch(key):
        message = "A key has between 1 and 255 printable ASCII characters; a UUID is a good one"
        raise BadInput(fields=[FieldError(("header", HEADER), message)])
    principal = actor.user_id if actor.token_id is None or actor.is_session else actor.token_id
    return RequestKey(principal, route, key, _fingerprint(request))


def _fingerprint(request: HttpRequest) -> str:
    """Keyed, because the body may have a credential in it."""
    return salted_hmac("idempotency", request.body, algorithm="sha256").hexdigest()
