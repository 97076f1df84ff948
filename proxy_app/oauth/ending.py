"""Disconnecting: forgotten here at once, and told to the provider while nobody waits."""

import logging

from auth_app.actor import Actor
from auth_app.stamps import Stamp
from gatewaysite.context import begin_background
from proxy_app.dataplane.bridge import in_background
from proxy_app.oauth import work
from proxy_app.oauth.work import Ended
from proxy_app.upstream.errors import UpstreamError
from proxy_app.upstream.oauth.tokens import revoke

log = logging.getLogger(__name__)


def disconnect(actor: Actor, key: str, stamp: Stamp) -> str:
    """The gateway's name. Raises as the unit does."""
    ended = work.disconnect(actor, key, stamp)
    if ended.token and ended.terms and ended.terms.revocation_endpoint:
        in_background(_tell(ended))
    return ended.name


async def _tell(ended: Ended) -> None:
    begin_background("oauth")
    if ended.terms is None:
        return
    try:
        await revoke(ended.terms.client(ended.secret), ended.terms.revocation_endpoint, ended.token)
    except UpstreamError as error:
        log.info("a token was not revoked at its provider", extra={"code": error.code})
