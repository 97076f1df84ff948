"""Reading a JSON-RPC message just far enough to route it; what is passed on stays raw bytes."""

import msgspec

from gatewaysite.bodies import check_depth
from gatewaysite.errors import BadBody
from proxy_app.dataplane.rpc_errors import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, RpcError
from proxy_app.upstream.mcp.wire import META_VERSION

Raw = msgspec.Raw
Members = dict[str, Raw]

ID_LIMIT_BYTES = 256


class Envelope(msgspec.Struct):
    """One JSON-RPC 2.0 message of a client: a request, a notification (no id) or a response (no method)."""

    jsonrpc: str = ""
    id: Raw | msgspec.UnsetType = msgspec.UNSET
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: Raw | msgspec.UnsetType = msgspec.UNSET


_envelope = msgspec.json.Decoder(Envelope)
_members = msgspec.json.Decoder(Members)
_id = msgspec.json.Decoder(str | int | float)


class Request(msgspec.Struct):
    """A request or notification, its params split into raw members once."""

    method: str
    id: Raw | None
    members: Members
    meta: Members

    @property
    def version(self) -> str | None:
        """The revision the request says it speaks; only the modern era says so in each request."""
        return text(self.meta, META_VERSION)


def read_message(body: bytes) -> Request | None:
    """The client's message; None for a response, which this endpoint accepts and has no use for yet.

    Raises RpcError: parse error, invalid request, or invalid params.
    """
    try:
        # Raw members are skipped, not read: bytes that are no text would go on to the upstream.
        if not body.isascii():
            body.decode()
        check_depth(body)
        envelope = _envelope.decode(body)
    except BadBody as error:
        raise RpcError(PARSE_ERROR, error.message, status=400) from error
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_REQUEST, f"Invalid Request: {error}", status=400) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, f"Parse error: {error}", status=400) from error
    if envelope.jsonrpc != "2.0":
        raise RpcError(INVALID_REQUEST, 'Invalid Request: "jsonrpc" must be "2.0"', status=400)
    if isinstance(envelope.method, msgspec.UnsetType):
        if isinstance(envelope.id, msgspec.UnsetType):
            raise RpcError(INVALID_REQUEST, 'Invalid Request: "method" is missing', status=400)
        return None
    members = _split(envelope.params, "params")
    meta = _split(members.get("_meta", msgspec.UNSET), "params._meta")
    return Request(envelope.method, _checked_id(envelope.id), members, meta)


def _split(raw: Raw | msgspec.UnsetType, where: str) -> Members:
    if isinstance(raw, msgspec.UnsetType):
        return {}
    try:
        return _members.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RpcError(INVALID_PARAMS, f"Invalid params: {where} must be an object", status=400) from error


def _checked_id(raw: Raw | msgspec.UnsetType) -> Raw | None:
    """A string or an integer, echoed as written. Falsy ids (0, "") are ids; null is not (MCP, basic/index)."""
    if isinstance(raw, msgspec.UnsetType):
        return None
    try:
        _id.decode(raw)
    except msgspec.DecodeError as error:
        raise RpcError(INVALID_REQUEST, 'Invalid Request: "id" must be a string or a number', status=400) from error
    if len(bytes(raw)) > ID_LIMIT_BYTES:
        raise RpcError(INVALID_REQUEST, 'Invalid Request: "id" is too long', status=400)
    return raw.copy()


def text(members: Members, name: str) -> str | None:
    """A member that is a string; None when it is absent. Raises RpcError when it is something else."""
    raw = members.get(name)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.DecodeError as error:
        raise RpcError(INVALID_PARAMS, f"Invalid params: {name} must be a string", status=400) from error


def join(members: Members) -> bytes:
    """The members as one JSON object, each value to the byte as it came."""
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + bytes(raw) for name, raw in members.items()) + b"}"
