"""Reading a gateway's resource or prompt for a page: as a client would, awaited from a thread."""

import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from auth_app.actor import Actor
from auth_app.decisions.recording import note, with_decision
from auth_app.policy import sees
from gatewaysite.errors import GatewayError
from proxy_app.dataplane.bridge import TookTooLong, wait_for
from proxy_app.dataplane.call import page_exchange
from proxy_app.dataplane.mcp.call import Relay
from proxy_app.dataplane.mcp.exchange import Exchange
from proxy_app.dataplane.mcp.reading import get_entry, read_entry
from proxy_app.dataplane.rpc_errors import RpcError
from proxy_app.snapshot.entries import PromptEntry, ResourceEntry, Snapshot
from proxy_app.snapshot.keeper import found
from proxy_app.upstream.mcp.texts import one_line

WAIT_AT_MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class PageReading:
    """The whole result, or in a sentence why there is none."""

    result: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def read_for_page(actor: Actor, resource_id: UUID, uri: str) -> PageReading:
    """What this resource says under this URI. Blocks the calling thread, which must hold no connection."""
    return _awaited(_read(actor, resource_id, uri))


def get_prompt_for_page(actor: Actor, prompt_id: UUID, arguments: Mapping[str, str]) -> PageReading:
    """The messages of this prompt with these arguments. Blocks likewise."""
    return _awaited(_get(actor, prompt_id, arguments))


def _awaited(reading: Coroutine[Any, Any, PageReading]) -> PageReading:
    try:
        return wait_for(reading, WAIT_AT_MOST_S)
    except TookTooLong:
        return PageReading(error=f"No answer within {WAIT_AT_MOST_S:g} seconds.")


async def _read(actor: Actor, resource_id: UUID, uri: str) -> PageReading:
    def find(snapshot: Snapshot) -> ResourceEntry | None:
        shelf = snapshot.registry.shelf
        return _by_id(
            resource_id, [*shelf.resources.get(uri, ()), *(one for of in shelf.templates.values() for one in of)]
        )

    entry = await found(find)
    if entry is None or not sees(actor, entry):
        return PageReading(error="This resource, or its gateway, is disabled.")
    exchange = page_exchange(actor, "resources/read", {"uri": uri})
    return await _answered(exchange, actor, lambda: read_entry(exchange, entry, uri))


async def _get(actor: Actor, prompt_id: UUID, arguments: Mapping[str, str]) -> PageReading:
    def find(snapshot: Snapshot) -> PromptEntry | None:
        return _by_id(prompt_id, (one for of in snapshot.registry.shelf.prompts.values() for one in of))

    entry = await found(find)
    if entry is None or not sees(actor, entry):
        return PageReading(error="This prompt, or its gateway, is disabled.")
    exchange = page_exchange(actor, "prompts/get", {"name": entry.name, "arguments": dict(arguments)})
    return await _answered(exchange, actor, lambda: get_entry(exchange, entry))


def _by_id[E: (ResourceEntry, PromptEntry)](key: UUID, entries: Iterable[E]) -> E | None:
    return next((entry for entry in entries if entry.id == key), None)


async def _answered(exchange: Exchange, actor: Actor, ask: Callable[[], Awaitable[bytes | Relay]]) -> PageReading:
    try:
        outcome = await ask()
        result = await outcome.result() if isinstance(outcome, Relay) else outcome
    except GatewayError as error:
        exchange.outcome = error.code
        note(error, actor, "ui", None)
        return PageReading(error=with_decision(error))
    except RpcError as error:
        said = one_line(error.message, 500)
        return PageReading(error=f"The upstream answered: {said}" if error.raw else said)
    finally:
        exchange.ended()
    return PageReading(json.loads(result))  # not orjson, which makes floats of big integers
