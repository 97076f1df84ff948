"""JSON-RPC errors of the data plane, and the one translation into them.

Codes from -32768 to -32000 belong to JSON-RPC and MCP; ours are -31000 minus the HTTP status they would have (-31503),
with the gateway's own `code` and `reason` in `data`.
"""

from typing import Any

import msgspec
import orjson

from gatewaysite.errors import BadBody, BadInput, GatewayError

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
# Of the older era; the newer says INVALID_PARAMS.
RESOURCE_NOT_FOUND = -32002
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022


class RpcError(Exception):
    """An answer of the protocol itself. `status` is the HTTP status it travels with."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        data: dict[str, Any] | None = None,
        status: int = 200,
        raw: bytes | None = None,
    ) -> None:
        """`raw` is an upstream's own error object, which reaches the client to the byte."""
        super().__init__(message)
        self.code, self.message, self.data, self.status, self.raw = code, message, data, status, raw


def as_rpc_error(error: BaseException) -> RpcError | None:
    """Any error the gateway knows, in JSON-RPC's words; None for one that is a bug.

    Trouble of an upstream is an answer to the call and travels with 200; trouble of the gateway itself keeps its
    HTTP status, so that proxies and clients can act on 401, 404, 429 and 503.
    """
    if isinstance(error, RpcError):
        return error
    if isinstance(error, BadBody):
        return RpcError(PARSE_ERROR, error.message, status=400)
    if isinstance(error, BadInput) and error.status == BadInput.status:
        return RpcError(INVALID_PARAMS, error.message, status=400)
    if not isinstance(error, GatewayError):
        return None
    data: dict[str, Any] = {"code": error.code}
    if error.reason:
        data["reason"] = error.reason
    if error.retry_after_s is not None:
        data["retry_after_seconds"] = error.retry_after_s
    if error.decision_id is not None:
        data["decision_id"] = error.decision_id
    status = 200 if error.status in (502, 504) else error.status
    return RpcError(-31000 - error.status, error.message, data=data, status=status)


def error_answer(request_id: msgspec.Raw | None, error: RpcError) -> bytes:
    """The whole JSON-RPC answer. The id is echoed as it was written; null when none could be read."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    raw_id = bytes(request_id) if request_id is not None else b"null"
    return b'{"jsonrpc":"2.0","id":' + raw_id + b',"error":' + (error.raw or orjson.dumps(body)) + b"}"


def result_answer(request_id: msgspec.Raw, result: bytes) -> bytes:
    """The whole JSON-RPC answer around a result that is kept to the byte."""
    return b'{"jsonrpc":"2.0","id":' + bytes(request_id) + b',"result":' + result + b"}"
