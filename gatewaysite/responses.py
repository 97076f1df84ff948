"""The only ways the control plane answers: a page, JSON, a redirect, a stream. None of them may touch the database."""

from collections.abc import Iterator
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import resolve_url
from django.template.loader import render_to_string

from gatewaysite.context import Phase
from gatewaysite.errors import BadInput, GatewayError, MethodNotAllowed
from gatewaysite.etags import is_known, tag_of
from gatewaysite.phases import during

PAGE_PREFIXES = ("/admin", "/docs", "/login", "/logout", "/oauth/authorize", "/oauth/callback", "/auth/sso/callback/")


def render_page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render plain data. A template that reaches for the database breaks a phase rule."""
    html = render_to_string(template, context, request=request)
    # Personal, so for no shared cache; the browser may keep it, but asks again.
    return HttpResponse(html, status=status, headers={"Cache-Control": "private, no-cache"})


def json_response(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """Plain data as JSON. Times end in Z."""
    with during(Phase.RENDER):
        body = dump_json(data)
    headers = {"Cache-Control": "no-store"} | (headers or {})
    return HttpResponse(body, status=status, content_type="application/json", headers=headers)


def tagged_response(request: HttpRequest, data: Any, *, status: int = 200, version: object = "") -> HttpResponse:
    """Plain data as JSON with an entity tag; 304 and nothing else for a reader who has the same already."""
    with during(Phase.RENDER):
        body = dump_json(data)
        tag = tag_of(body, version)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.method in ("GET", "HEAD") and is_known(request, tag):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, status=status, content_type="application/json", headers=headers)


class JsonText(str):
    """Text that is JSON already, and goes into an answer as it stands: keys, order and numbers as they were written."""

    __slots__ = ()


def dump_json(data: Any) -> bytes:
    return orjson.dumps(data, default=_embed, option=orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_SUBCLASS)


def _embed(value: Any) -> Any:
    if isinstance(value, JsonText):
        return orjson.Fragment(str(value))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not plain data")


def redirect_after(target: str, *args: Any, **kwargs: Any) -> HttpResponse:
    """303 to a route name or path: what a browser should do after a form was accepted."""
    with during(Phase.RENDER):
        return HttpResponseRedirect(resolve_url(target, *args, **kwargs), status=303)


def stream_response(chunks: Iterator[bytes], *, content_type: str) -> StreamingHttpResponse:
    """Stream chunks that were decided on beforehand; the control plane makes each in the phase `stream`."""
    with during(Phase.STREAM):
        return StreamingHttpResponse(chunks, content_type=content_type)


def stream_units(chunks: Iterator[bytes], *, content_type: str, filename: str) -> StreamingHttpResponse:
    """Stream a file of any length: each chunk is a unit of work and what was made of its data, and nothing is held when
    it is handed out."""
    response = StreamingHttpResponse(chunks, content_type=content_type)
    response.makes_chunks_in = Phase.LOAD  # type: ignore[attr-defined]  # see gatewaysite.control_plane
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "no-store"
    return response


def wants_page(path: str) -> bool:
    """Pages and JSON endpoints live under different paths; an error takes the shape of its route."""
    return path == "/" or path.startswith(PAGE_PREFIXES)


def error_body(error: GatewayError) -> dict[str, Any]:
    """The one JSON error shape: `detail` for people and for clients of the existing system, the rest for machines.

    Bad input lists its fields in `detail`, as pydantic and the existing system do.
    """
    detail: Any = error.message
    if isinstance(error, BadInput) and error.fields:
        detail = [{"type": field.type, "loc": list(field.loc), "msg": field.msg} for field in error.fields]
    body = {"detail": detail, "code": error.code}
    if error.reason:
        body["reason"] = error.reason
    if error.retry_after_s is not None:
        body["retry_after_seconds"] = error.retry_after_s
    if error.decision_id is not None:
        body["decision_id"] = error.decision_id
    return body


def error_headers(error: GatewayError) -> dict[str, str]:
    headers = dict(error.headers)
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def plain_error(error: GatewayError, path: str) -> HttpResponse:
    """An error answered outside the middleware chain, where no request object exists."""
    headers = error_headers(error)
    if wants_page(path):
        return HttpResponse(error.message, status=error.status, content_type="text/plain", headers=headers)
    return json_response(error_body(error), status=error.status, headers=headers)


def page_context(request: HttpRequest) -> dict[str, Any]:
    """What every page's base template needs."""
    return {
        "actor": getattr(request, "actor", None),
        "theme": request.COOKIES.get("theme", "auto"),
        "request_id": getattr(request, "request_id", ""),
    }
