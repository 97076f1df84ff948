"""A call of a REST tool as the request it becomes: each argument goes where the plan says, and nowhere else."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from proxy_app.rest.plan import CONTENT_TYPES, WITH_BODY, RestPlan
from proxy_app.rest.template import Leaves

Arguments = dict[str, Any]
Pairs = list[tuple[str, str]]

URL_LIMIT = 16 * 1024
HEADER_LIMIT = 4 * 1024


class BadArguments(ValueError):
    """The message says which argument, and what is wrong with it. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class RestRequest:
    """`path` and `query` as they are sent; `headers` without those of the credential."""

    method: str
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    body: bytes = field(default=b"", repr=False)

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


def request_of(plan: RestPlan, arguments: Arguments) -> RestRequest:
    """Raises BadArguments."""
    if trouble := plan.input_schema.trouble(arguments):
        raise BadArguments(trouble)
    left = {name: value for name, value in arguments.items() if value is not None or name == plan.body_argument}
    path = _path(plan, left)
    query: Pairs = [pair for name, to in plan.query_mapping.items() for pair in _pairs(to, left.pop(name, None))]
    headers = [*plan.headers, *_headers(plan, left)]
    body, content_type = _body(plan, left)
    query += [pair for name, value in left.items() for pair in _pairs(name, value)]
    if content_type and not any(name == b"content-type" for name, _value in headers):
        headers.append((b"content-type", content_type))
    return RestRequest(plan.method, path, _query(plan, query), headers, body)


def _path(plan: RestPlan, left: Arguments) -> str:
    values = {}
    for name in plan.template.names:
        if name not in left:
            raise BadArguments(f"{name} is needed: it is a part of the path")
        value = left.pop(name)
        values[name] = ",".join(map(_text, value)) if isinstance(value, list) else _text(value)
    try:
        path = plan.base.path + plan.template.filled(values)
    except (Leaves, UnicodeEncodeError) as error:
        reason = str(error) if isinstance(error, Leaves) else "A value is not text that can be sent."
        raise BadArguments(reason) from error
    if len(path) > URL_LIMIT:
        raise BadArguments("The path would be too long")
    return path or "/"


def _headers(plan: RestPlan, left: Arguments) -> list[tuple[bytes, bytes]]:
    found = []
    for name, header in plan.header_mapping.items():
        if (value := left.pop(name, None)) is None:
            continue
        text = ",".join(map(_text, value)) if isinstance(value, list) else _text(value)
        if not text.isascii() or not text.isprintable() or text != text.strip() or len(text) > HEADER_LIMIT:
            raise BadArguments(f"{name} becomes a header: at most {HEADER_LIMIT} visible ASCII characters in one line")
        found.append((header, text.encode()))
    return found


def _body(plan: RestPlan, left: Arguments) -> tuple[bytes, bytes]:
    """What is sent, and its type. Takes from `left` what it used."""
    if plan.body_argument:
        if plan.body_argument not in left:
            return b"", b""
        return _encoded(plan, left.pop(plan.body_argument))
    if plan.method not in WITH_BODY or not (left or plan.has_body):
        return b"", b""
    value = dict(left)
    left.clear()
    return _encoded(plan, value)


def _encoded(plan: RestPlan, value: Any) -> tuple[bytes, bytes]:
    if plan.encoding == "json":
        return json.dumps(value, separators=(",", ":")).encode(), CONTENT_TYPES["json"]
    if not isinstance(value, dict):
        raise BadArguments(f"{plan.body_argument} must be an object, as the body is a form")
    try:
        if plan.encoding == "form":
            pairs = [pair for name, one in value.items() for pair in _pairs(name, one)]
            return urlencode(pairs).encode(), CONTENT_TYPES["form"]
        return _multipart(plan, value)
    except UnicodeEncodeError as error:
        raise BadArguments("An argument is not text that can be sent") from error


def _multipart(plan: RestPlan, values: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """RFC 7578, with names quoted as browsers do. A file is called by its argument's name."""
    boundary = secrets.token_hex(16).encode()
    pieces = []
    for name, value in values.items():
        quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").encode()
        head = b'--%s\r\ncontent-disposition: form-data; name="%s"' % (boundary, quoted)
        if name in plan.files:
            head += b'; filename="%s"\r\ncontent-type: application/octet-stream' % quoted
            pieces.append(b"%s\r\n\r\n%s\r\n" % (head, _file(name, value)))
        else:
            pieces += [b"%s\r\n\r\n%s\r\n" % (head, text.encode()) for _name, text in _pairs(name, value)]
    return b"".join(pieces) + b"--%s--\r\n" % boundary, b"multipart/form-data; boundary=" + boundary


def _file(name: str, value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadArguments(f"{name} is a file, so its bytes are given in base64") from error


def _query(plan: RestPlan, pairs: Pairs) -> str:
    try:
        query = "&".join(filter(None, [plan.template.query, urlencode(pairs, quote_via=quote, safe="")]))
    except UnicodeEncodeError as error:
        raise BadArguments("An argument is not text that can be sent") from error
    if len(query) > URL_LIMIT:
        raise BadArguments("The query would be too long")
    return query


def _pairs(name: str, value: Any) -> Pairs:
    """A list is sent as the parameter several times, as most APIs read it; nothing at all for null."""
    if value is None:
        return []
    return [(name, _text(one)) for one in value] if isinstance(value, list) else [(name, _text(value))]


def _text(value: Any) -> str:
    """As an API reads it: true and not True; what has parts of its own as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
