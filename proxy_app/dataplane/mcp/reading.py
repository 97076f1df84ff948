"""resources/read and prompts/get: our own from memory or by one unit, others' from the upstream that offers them."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from auth_app.decisions.recording import note_hidden
from auth_app.policy import require_to, sees
from proxy_app.content.stored import CONTENT_LIMIT_BYTES, Content, WrongArguments, check_arguments
from proxy_app.content.templating import TooLong
from proxy_app.content.uris import fill
from proxy_app.dataplane.mcp.call import Relay, ask_for, look
from proxy_app.dataplane.mcp.contents import ready_prompt, resource_content
from proxy_app.dataplane.mcp.envelope import text
from proxy_app.dataplane.mcp.exchange import Exchange
from proxy_app.dataplane.mcp.lists import shelf_of
from proxy_app.dataplane.mcp.results import result
from proxy_app.dataplane.rpc_errors import INVALID_PARAMS, RESOURCE_NOT_FOUND, RpcError
from proxy_app.snapshot.entries import PromptEntry, ResourceEntry, Shelf, closest

_arguments = msgspec.json.Decoder(dict[str, str])


async def read_resource(exchange: Exchange) -> bytes | Relay:
    """The contents behind a URI, as this caller may know it."""
    uri = text(exchange.request.members, "uri")
    if not uri:
        raise RpcError(INVALID_PARAMS, "Invalid params: uri is required")
    entry = await look(exchange, lambda: _resource_of(exchange, uri))
    if entry is None:
        for hidden in shelf_of(exchange.registry, exchange.server).resources.get(uri, ())[:1]:
            note_hidden(exchange.actor, hidden.kind, hidden.id.hex, "mcp", None)
        raise _no_such_resource(exchange, uri)
    return await read_entry(exchange, entry, uri)


async def read_entry(exchange: Exchange, entry: ResourceEntry, uri: str) -> bytes | Relay:
    """The contents of this very resource, under this URI of it."""
    require_to(exchange.actor, "read", entry)
    if _is_kept_back(exchange, entry, uri):
        raise _no_such_resource(exchange, uri)
    if entry.gateway_id is not None:
        return await ask_for(exchange, entry.gateway_id, "uri", uri)
    stored = await resource_content(entry)
    values = entry.template.match(uri) if entry.template else {}
    if stored is None or values is None:
        raise _no_such_resource(exchange, uri)
    content = filled(stored.content, values)
    contents = [{"uri": uri, "mimeType": entry.mime_type, **content.wire()}]
    return result(exchange, b'"contents":' + msgspec.json.encode(contents))


def filled(content: Content, values: Mapping[str, str]) -> Content:
    """A template's text with its variables filled in. Raises RpcError when it would be too long."""
    if not values:
        return content
    said = fill(content.body.decode(), values, CONTENT_LIMIT_BYTES)
    if said is None:
        raise RpcError(INVALID_PARAMS, f"With these variables the text is longer than {CONTENT_LIMIT_BYTES} bytes")
    return Content(said.encode(), is_text=True)


def _resource_of(exchange: Exchange, uri: str) -> ResourceEntry | None:
    """The resource with this very URI, or the closest template that it is one of."""
    shelf = shelf_of(exchange.registry, exchange.server)
    if found := closest(exchange.actor, shelf.resources.get(uri, ())):
        return found
    return closest(exchange.actor, tuple(_templates_of(exchange, shelf, uri)))


def _templates_of(exchange: Exchange, shelf: Shelf, uri: str) -> Iterator[ResourceEntry]:
    for entries in shelf.templates.values():
        for entry in entries:
            matches = entry.template is not None and entry.template.match(uri) is not None
            if matches and not _is_kept_back(exchange, entry, uri):
                yield entry


def _is_kept_back(exchange: Exchange, entry: ResourceEntry, uri: str) -> bool:
    """Whether it is a template whose gateway offers this very URI too, hidden from the caller or switched off."""
    if entry.template is None or entry.gateway_id is None:
        return False
    shelf = exchange.registry.shelf
    if (entry.gateway_id, uri) in shelf.withheld:
        return True
    same = (one for one in shelf.resources.get(uri, ()) if one.gateway_id == entry.gateway_id)
    return any(not sees(exchange.actor, one) for one in same)


def _no_such_resource(exchange: Exchange, uri: str) -> RpcError:
    """Each era has its own code for it (2025-11-25, resources, error handling; 2026-07-28, the same)."""
    code = INVALID_PARAMS if exchange.modern else RESOURCE_NOT_FOUND
    status = 400 if exchange.modern else 200
    return RpcError(code, f"Resource not found: {uri[:2000]}", data={"uri": uri[:2000]}, status=status)


async def get_prompt(exchange: Exchange) -> bytes | Relay:
    """A prompt's messages, with the caller's arguments in them."""
    name = text(exchange.request.members, "name")
    if not name:
        raise RpcError(INVALID_PARAMS, "Invalid params: name is required")
    entry = await look(exchange, lambda: _prompt_of(exchange, name))
    if entry is None:
        for hidden in shelf_of(exchange.registry, exchange.server).prompts.get(name, ())[:1]:
            note_hidden(exchange.actor, hidden.kind, hidden.id.hex, "mcp", None)
        raise _no_such_prompt(name)
    return await get_entry(exchange, entry)


async def get_entry(exchange: Exchange, entry: PromptEntry) -> bytes | Relay:
    """The messages of this very prompt."""
    require_to(exchange.actor, "read", entry)
    if entry.gateway_id is not None:
        return await ask_for(exchange, entry.gateway_id, "name", entry.original_name)
    prompt = await ready_prompt(entry)
    if prompt is None:
        raise _no_such_prompt(entry.name)
    arguments = _arguments_of(exchange)
    try:
        check_arguments(prompt.stored.arguments, arguments)
        said = prompt.template.render(arguments)
    except (WrongArguments, TooLong) as error:
        raise RpcError(INVALID_PARAMS, f"Invalid params: {error}") from error
    messages = msgspec.json.encode(messages_of(said, prompt.stored.description))
    return result(exchange, messages[1:-1], caching=False)


def messages_of(said: str, description: str | None) -> dict[str, Any]:
    """What a prompt of our own answers: one message, from whoever asks."""
    described = {"description": description} if description else {}
    return {**described, "messages": [{"role": "user", "content": {"type": "text", "text": said}}]}


def _arguments_of(exchange: Exchange) -> dict[str, str]:
    raw = exchange.request.members.get("arguments")
    if raw is None or bytes(raw) == b"null":
        return {}
    try:
        return _arguments.decode(raw)
    except msgspec.DecodeError as error:
        raise RpcError(INVALID_PARAMS, "Invalid params: arguments must be an object of strings", status=400) from error


def _prompt_of(exchange: Exchange, name: str) -> PromptEntry | None:
    return closest(exchange.actor, shelf_of(exchange.registry, exchange.server).prompts.get(name, ()))


def _no_such_prompt(name: str) -> RpcError:
    return RpcError(INVALID_PARAMS, f"Unknown prompt: {name[:200]}")
