"""JSON-RPC messages as bytes: built by splicing, read without decoding what is only passed on."""

import itertools
from dataclasses import dataclass

import msgspec

from gatewaysite.errors import BadInput
from proxy_app.upstream.errors import UpstreamProtocol
from proxy_app.upstream.mcp.wire import CLIENT_INFO, META_CAPABILITIES, META_CLIENT, META_PREFIX, META_VERSION

EMPTY = b"{}"


class _Envelope(msgspec.Struct):
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class RpcError(msgspec.Struct):
    """The readable part of an error object."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message from the upstream: `raw` as it came, and its members as raw JSON."""

    raw: bytes
    id: bytes | None = None
    method: str | None = None
    params: bytes | None = None
    result: bytes | None = None
    error: bytes | None = None

    @property
    def is_response(self) -> bool:
        return self.method is None


_envelopes = msgspec.json.Decoder(_Envelope)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_errors = msgspec.json.Decoder(RpcError)
_encoder = msgspec.json.Encoder()
_ids = itertools.count(1)


def parse(raw: bytes) -> Message:
    """A single JSON-RPC message; batches, half responses and bytes that are not UTF-8 are protocol errors."""
    try:
        if not raw.isascii():
            raw.decode()
        envelope = _envelopes.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UpstreamProtocol("The upstream sent something that is not a JSON-RPC message.") from exc
    message = Message(
        raw,
        _bytes(envelope.id),
        envelope.method or None,
        _bytes(envelope.params),
        _bytes(envelope.result),
        _bytes(envelope.error),
    )
    if message.is_response and (message.result is None) == (message.error is None):
        raise UpstreamProtocol("The upstream sent a response with neither one result nor one error.")
    return message


def next_id() -> int:
    """Ours alone: unique in the process, so that answers and cancellations cannot be mixed up."""
    return next(_ids)


def request(request_id: int, method: str, params: bytes | None) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b}' % (request_id, _encoder.encode(method), params or EMPTY)


def notification(method: str, params: bytes | None) -> bytes:
    return b'{"jsonrpc":"2.0","method":%b,"params":%b}' % (_encoder.encode(method), params or EMPTY)


def with_modern_meta(params: bytes | None, version: str, capabilities: bytes) -> bytes:
    """The params with the `_meta` keys a stateless request must carry; the caller's other keys stay."""
    members = _split(params)
    meta = _split(members.get("_meta"))
    meta[META_VERSION] = msgspec.Raw(b'"%b"' % version.encode())
    meta[META_CAPABILITIES] = msgspec.Raw(capabilities)
    meta[META_CLIENT] = msgspec.Raw(CLIENT_INFO)
    members["_meta"] = msgspec.Raw(_encoder.encode(meta))
    return _encoder.encode(members)


def without_modern_meta(params: bytes | None) -> bytes | None:
    """The params without the reserved `_meta` keys, which mean nothing to a server of the older era."""
    if params is None or META_PREFIX.encode() not in params:
        return params
    members = _split(params)
    meta = {key: value for key, value in _split(members.pop("_meta", None)).items() if not key.startswith(META_PREFIX)}
    if meta:
        members["_meta"] = msgspec.Raw(_encoder.encode(meta))
    return _encoder.encode(members)


def error_of(raw: bytes) -> RpcError:
    try:
        return _errors.decode(raw)
    except msgspec.DecodeError as exc:
        raise UpstreamProtocol("The upstream sent an error object without a code.") from exc


def _split(raw: bytes | msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    """The members of an object, each still raw."""
    try:
        return {} if raw is None else _members.decode(raw)
    except msgspec.DecodeError as exc:
        raise BadInput("params and params._meta must be JSON objects") from exc


def _bytes(raw: msgspec.Raw | msgspec.UnsetType) -> bytes | None:
    return None if isinstance(raw, msgspec.UnsetType) else bytes(raw)
