"""Speaking A2A (1.0 and 0.3) to agents: their cards, a message, and what they made of it. Knows no models.

Of the protocol's bindings this is JSON-RPC over HTTP, which is posted, refused and streamed as in MCP.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import msgspec

from gatewaysite.bodies import check_depth
from gatewaysite.errors import BadBody, BadInput, FieldError
from proxy_app.upstream import client
from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.errors import (
    UpstreamAuth,
    UpstreamNotMcp,
    UpstreamProtocol,
    UpstreamRedirect,
    UpstreamStatus,
    UpstreamTimeout,
)
from proxy_app.upstream.mcp import messages
from proxy_app.upstream.mcp.discovery import refused
from proxy_app.upstream.mcp.endpoint import Endpoint, prepared
from proxy_app.upstream.mcp.exchange import Answer, complete, post, refusal, reply_of

V1, V03 = "1.0", "0.3"
VERSION_HEADER = b"A2A-Version"
WELL_KNOWN = ("/.well-known/agent-card.json", "/.well-known/agent.json")  # the second is that of 0.2
CARD_LIMIT_BYTES = 1024 * 1024
# Addresses at which a server without a card says so.
ABSENT = frozenset({404, 405, 406, 410, 501})
# What a message's parameters may say beside the data they carry.
QUERY, CONTEXT, TASK, WHOLE = "query", "contextId", "taskId", "message"
# How a task stands, as this gateway writes it: neither 1.0's TASK_STATE_INPUT_REQUIRED nor 0.3's input-required alone.
FAILED = frozenset({"failed", "rejected", "canceled"})
WAITING = frozenset({"input-required", "auth-required"})
ENDED = FAILED | {"completed", ""}


@dataclass(frozen=True, slots=True)
class Agent:
    """Where an agent's messages go, over whose connections, and which version of the protocol it speaks."""

    endpoint: Endpoint
    version: str = V1


@dataclass(frozen=True, slots=True)
class Reply:
    """What the agent made of a message: its parts, and of a task how it stands."""

    parts: list["Part"]
    state: str = ""
    task_id: str = ""
    context_id: str = ""


class _File(msgspec.Struct, rename="camel"):
    """Of 0.3."""

    bytes: str | None = None
    uri: str | None = None
    name: str | None = None
    mime_type: str | None = None


class Part(msgspec.Struct, rename="camel"):
    """One part of a message or artifact: exactly one of text, data, raw and url. `data` is any JSON, to the byte."""

    text: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    raw: str | None = None
    url: str | None = None
    filename: str | None = None
    media_type: str | None = None
    file: _File | None = None

    def as_of_1(self) -> "Part":
        """A file of 0.3 written as 1.0 does."""
        if self.file is None:
            return self
        return Part(raw=self.file.bytes, url=self.file.uri, filename=self.file.name, media_type=self.file.mime_type)


class _Message(msgspec.Struct, rename="camel"):
    parts: list[Part] | None = None
    context_id: str | None = None
    task_id: str | None = None


class _Status(msgspec.Struct):
    state: str = ""
    message: _Message | None = None


class _Artifact(msgspec.Struct):
    parts: list[Part] | None = None


class _Task(msgspec.Struct, rename="camel"):
    id: str = ""
    context_id: str | None = None
    status: _Status = msgspec.field(default_factory=_Status)
    artifacts: list[_Artifact] | None = None


class _Result(msgspec.Struct):
    """Of 1.0 a message or a task by name; of 0.3 either itself, which says by `kind` what it is."""

    message: _Message | None = None
    task: _Task | None = None
    kind: str = ""


async def fetch_card(endpoint: Endpoint, url: str) -> dict[str, Any] | None:
    """The agent's card as it stands at this address, or None where there is none. Raises UpstreamError."""
    parts = prepared(replace(endpoint, url=url))
    request = httpx.Request("GET", parts.url, headers=parts.headers, extensions=parts.extensions)
    response = await client.send(request, idempotent=True)
    if not response.is_success:
        await _expect_absence(response, endpoint)
        return None
    body = await read_body(response, CARD_LIMIT_BYTES)
    return _card(body) if "json" in response.headers.get("content-type", "") else None


def card_urls(url: str) -> list[str]:
    """Where the card of the agent at this URL may be: below it, then at the root of its host."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if is_card_url(url):
        return [url]
    own = [f"{origin}{parts.path.rstrip('/')}"] if parts.path.strip("/") else []
    return [f"{base}{path}" for path in WELL_KNOWN for base in (*own, origin)]


def is_card_url(url: str) -> bool:
    return urlsplit(url).path.endswith(WELL_KNOWN)


def message_from(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The message that these parameters mean, as 1.0 writes it. Raises BadInput when they mean none.

    `query` is its text, and what has no meaning here is data for the agent; `message` is a whole one.
    """
    if WHOLE in parameters:
        return _whole(parameters[WHOLE])
    said = dict(parameters)
    text, context, task = (_taken_text(said, name) for name in (QUERY, CONTEXT, TASK))
    parts = [*([{"text": text}] if text else []), *([{"data": said}] if said else [])]
    if not parts:
        raise _wrong(QUERY, "What shall the agent be told? Say it here, as text", "missing")
    ids = {name: value for name, value in ((CONTEXT, context), (TASK, task)) if value}
    return {"role": "ROLE_USER", "messageId": _message_id(), "parts": parts, **ids}


async def send_message(agent: Agent, message: Mapping[str, Any], *, share: str = "") -> Answer:
    """Send a message and wait until the agent is done with it, or asks back. Raises UpstreamError."""
    request_id = messages.next_id()
    method, params = _asked(agent.version, message)
    body = messages.request(request_id, method, msgspec.json.encode(params))
    headers = ((VERSION_HEADER, agent.version.encode()),)
    try:
        async with asyncio.timeout(agent.endpoint.timeout_s):
            response = await post(agent.endpoint, body, headers, share=share)
            return await complete(await reply_of(response, b"%d" % request_id))
    except TimeoutError:
        raise UpstreamTimeout from None
    except UpstreamNotMcp as error:
        raise UpstreamProtocol(error.message) from error


def reply_from(result: bytes) -> Reply:
    """The result of either version. Raises UpstreamProtocol for what is neither message nor task."""
    try:
        check_depth(result)
        said = msgspec.json.decode(result, type=_Result)
        task = msgspec.json.decode(result, type=_Task) if said.kind == "task" else said.task
        message = msgspec.json.decode(result, type=_Message) if said.kind == "message" else said.message
    except (msgspec.DecodeError, BadBody, RecursionError) as error:
        raise UpstreamProtocol("The agent's answer is not a message or task of A2A.") from error
    if task is not None:
        return _of_task(task)
    if message is None:
        raise UpstreamProtocol("The agent answered with neither a message nor a task.")
    return Reply(_parts(message), "", message.task_id or "", message.context_id or "")


async def _expect_absence(response: httpx.Response, endpoint: Endpoint) -> None:
    """Returns where the answer means that there is no card here; raises what else is wrong."""
    try:
        await refusal(response)
    except UpstreamAuth as error:
        raise refused(error, endpoint) from error
    except UpstreamRedirect:
        return
    except UpstreamStatus as error:
        if error.upstream_status not in ABSENT:
            raise


def _card(body: bytes) -> dict[str, Any]:
    try:
        check_depth(body)
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, BadBody, RecursionError) as error:
        raise UpstreamProtocol("What stands where the agent's card should be is not a JSON object.") from error


def _whole(message: Any) -> dict[str, Any]:
    """A message somebody wrote out, in the words of either version, as 1.0 writes it."""
    parts = message.get("parts") if isinstance(message, Mapping) else None
    if not isinstance(parts, list):
        raise _wrong(WHOLE, "This is a whole message of A2A, an object with its parts; a text alone is a query", "type")
    return {"messageId": _message_id(), **message, "role": "ROLE_USER", "parts": [_newer(part) for part in parts]}


def _taken_text(said: dict[str, Any], name: str) -> str:
    text = said.pop(name, "")
    if not isinstance(text, str):
        raise _wrong(name, "This is a text", "string_type")
    return text


def _wrong(name: str, message: str, type: str) -> BadInput:
    return BadInput(fields=[FieldError(("body", "parameters", name), message, type)])


def _message_id() -> str:
    return f"poolgate-{uuid4().hex}"


def _asked(version: str, message: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Method and params. An agent of 0.3 may answer before it is done unless it is told not to."""
    if version != V03:
        return "SendMessage", {"message": message}
    older = {"kind": "message", **message, "role": "user", "parts": [_older(part) for part in message["parts"]]}
    return "message/send", {"message": older, "configuration": {"blocking": True}}


def _newer(part: Any) -> Any:
    """A part as 1.0 writes it, which has no kinds, and files in the open."""
    if not isinstance(part, Mapping):
        return part
    plain = {name: value for name, value in part.items() if name not in ("kind", "file")}
    file = part.get("file")
    names = {"bytes": "raw", "uri": "url", "name": "filename", "mimeType": "mediaType"}
    return plain | ({names.get(name, name): value for name, value in file.items()} if isinstance(file, Mapping) else {})


def _older(part: Any) -> Any:
    """A part as 0.3 writes it."""
    if not isinstance(part, Mapping):
        return part
    if "text" in part or "data" in part:
        return {"kind": "text" if "text" in part else "data", **part}
    file = {"bytes": part.get("raw"), "uri": part.get("url")}
    file |= {"name": part.get("filename"), "mimeType": part.get("mediaType")}
    return {"kind": "file", "file": {name: value for name, value in file.items() if value is not None}}


def _of_task(task: _Task) -> Reply:
    """What it made, or where it made nothing, what it says of how it stands."""
    made = [part.as_of_1() for artifact in task.artifacts or [] for part in artifact.parts or []]
    said = _parts(task.status.message) if task.status.message else []
    state = task.status.state.removeprefix("TASK_STATE_").lower().replace("_", "-")
    parts = [*made, *said] if state not in ENDED or state in FAILED or not made else made
    return Reply(parts, state, task.id, task.context_id or "")


def _parts(message: _Message) -> list[Part]:
    return [part.as_of_1() for part in message.parts or []]
