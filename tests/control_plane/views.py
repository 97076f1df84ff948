"""Views that show how the control plane runs them. Gates let a test hold them where it wants."""

import threading
from collections.abc import Iterator
from typing import Any, cast

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_http_methods

from auth_app.current import actor_of
from gatewaysite.errors import BadInput, Conflict, FieldError, NotFound, PoolFull
from gatewaysite.responses import json_response, stream_response


class Gate:
    """Where views wait, and what they did."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.open = threading.Event()
        self.lock = threading.Lock()
        self.inside = self.most_inside = self.begun = self.ended = self.closed = 0
        self.threads: set[str] = set()

    def hold(self) -> None:
        with self.lock:
            self.begun += 1
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            self.threads.add(threading.current_thread().name)
        self.open.wait(10)
        with self.lock:
            self.inside -= 1
            self.ended += 1


gate = Gate()


def plain(request: HttpRequest) -> HttpResponse:
    return json_response({"thread": threading.current_thread().name, "method": request.method})


def held(request: HttpRequest) -> HttpResponse:
    gate.hold()
    response: Any = HttpResponse("held")
    response._resource_closers.append(_closed)
    return cast(HttpResponse, response)


def _closed() -> None:
    gate.closed += 1


def streamed(request: HttpRequest) -> HttpResponseBase:
    response = stream_response(_chunks(), content_type="text/plain")
    response.set_cookie("tasty", "yes")
    return response


def _chunks() -> Iterator[bytes]:
    try:
        yield threading.current_thread().name.encode() + b"\n"
        gate.hold()
        yield b"second\n"
    finally:
        gate.closed += 1


def streams_queries(request: HttpRequest) -> HttpResponseBase:
    def chunks() -> Iterator[bytes]:
        yield b"first\n"
        connection.ensure_connection()
        yield b"never\n"

    return stream_response(chunks(), content_type="text/plain")


@require_http_methods(["GET", "POST"])
def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, content_type=request.content_type)


def who(request: HttpRequest) -> HttpResponse:
    return json_response({"email": actor_of(request).email})


ERRORS: dict[str, type[Exception] | Exception] = {
    "not-found": NotFound,
    "http404": Http404,
    "denied": PermissionDenied,
    "suspicious": SuspiciousOperation("secret detail"),
    "conflict": Conflict("A tool named 'x' exists already."),
    "fields": BadInput(fields=[FieldError(("body", "name"), "too long", "string_too_long")]),
    "pool": PoolFull,
    "bug": RuntimeError("secret detail"),
    "database": OperationalError("secret detail"),
}


def fail(request: HttpRequest, kind: str) -> HttpResponse:
    error = ERRORS[kind]
    if kind == "database":
        import psycopg

        raise OperationalError("secret detail") from psycopg.OperationalError("secret detail")
    raise error if isinstance(error, Exception) else error()


def stock_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"stock": True})


urlpatterns = [
    path("plain", plain, name="test-plain"),
    path("held", held, name="test-held"),
    path("waiting/held", held, name="test-waiting"),
    path("streamed", streamed, name="test-streamed"),
    path("streams-queries", streams_queries, name="test-streams-queries"),
    path("echo", echo, name="test-echo"),
    path("who", who, name="test-who"),
    path("admin/who", who, name="test-admin-who"),
    path("fail/<str:kind>", fail, name="test-fail"),
    path("admin/fail/<str:kind>", fail, name="test-admin-fail"),
    path("stock", stock_json, name="test-stock"),
]
