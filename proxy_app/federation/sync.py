"""Registering and refreshing a gateway: ask the upstream with nothing held, then take what it offers in one unit."""

import asyncio
import logging
from dataclasses import replace
from functools import partial
from uuid import UUID

from django.db import IntegrityError

from gatewaysite.db.units import run_unit
from gatewaysite.secrets import CannotUnseal
from proxy_app.federation import work
from proxy_app.federation.offer import Offer, read_offer
from proxy_app.oauth.live import work as oauth
from proxy_app.oauth.live.calling import as_somebody
from proxy_app.observe.metrics import REFRESHES
from proxy_app.upstream import mcp
from proxy_app.upstream.errors import UpstreamError, UpstreamTimeout
from proxy_app.upstream.mcp import Discovery, Endpoint
from proxy_app.upstream.oauth.errors import NotConnected

log = logging.getLogger(__name__)

# Each answer has its own limit; this one is for an upstream that answers in time, page after page, for hours.
SYNC_WITHIN_S = 300.0
LISTS = ("tools/list", "resources/list", "resources/templates/list", "prompts/list")


async def sync_gateway(gateway_id: UUID, user_id: UUID | None = None) -> None:
    """Bring a gateway's row and items up to date with its upstream. Trouble of the upstream ends up on the row.

    With OAuth it is asked with the connection of this person, or of whoever there is.

    Nothing is half-imported: items change in one transaction, after everything was fetched.
    """
    try:
        endpoint = await run_unit(work.begin_sync, gateway_id)
    except CannotUnseal as error:
        await _failed(gateway_id, "credential_unreadable", str(error))
        return
    if endpoint is None:  # deleted meanwhile, or switched off: switching it on enqueues another job
        return
    try:
        async with asyncio.timeout(SYNC_WITHIN_S):
            await run_unit(oauth.try_again, gateway_id)
            who = await run_unit(oauth.lister_of, gateway_id, user_id)
            discovery, offer = await as_somebody(who, endpoint, partial(_ask, gateway_id))
    except TimeoutError:
        message = f"The upstream took more than {SYNC_WITHIN_S:g} seconds to say what it offers."
        await _failed(gateway_id, UpstreamTimeout.code, message)
        return
    except NotConnected as error:
        REFRESHES.labels("unconnected").inc()
        await run_unit(work.await_connection, gateway_id, error.code, error.message)
        return
    except UpstreamError as error:
        log.info("gateway not reached", extra={"gateway": gateway_id.hex, "code": error.code})
        await _failed(gateway_id, error.code, error.message)
        return
    try:
        REFRESHES.labels(await run_unit(work.finish_sync, gateway_id, discovery, offer)).inc()
    except IntegrityError:
        message = "Another item took one of the names at the same moment. Refresh again."
        await _failed(gateway_id, "name_taken", message)


async def _failed(gateway_id: UUID, code: str, message: str) -> None:
    REFRESHES.labels("failed").inc()
    await run_unit(work.fail_sync, gateway_id, code, message)


async def _ask(gateway_id: UUID, endpoint: Endpoint) -> tuple[Discovery, Offer]:
    discovery = await mcp.detect(endpoint)
    return discovery, await _fetch(gateway_id, replace(endpoint, era=discovery.era), discovery)


async def _fetch(gateway_id: UUID, endpoint: Endpoint, discovery: Discovery) -> Offer:
    found = []
    for done, method in enumerate(LISTS):
        await run_unit(work.report_step, gateway_id, f"Asking for {method.split('/')[0]}", done, len(LISTS))
        capability = method.split("/")[0]
        # What a server does not declare it does not offer; asking anyway breaks some.
        found.append(await mcp.list_all(endpoint, method) if capability in discovery.capabilities else [])
    tools, resources, templates, prompts = found
    return read_offer(tools, resources, templates, prompts)
