"""What every JSON endpoint of the control plane has in common: who asks, by which method, with which body."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, TypedDict

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.current import actor_of
from gatewaysite.bodies import parse_json
from gatewaysite.errors import MethodNotAllowed, TooLarge, UnsupportedMediaType
from gatewaysite.responses import json_response


class Done(TypedDict):
    """An answer that has nothing to tell but that it went well, by the names of the existing system."""

    success: Literal[True]
    message: str


class Said(TypedDict):
    """The same, where the existing system says it with a sentence alone."""

    message: str


type Handler = Callable[[Actor], HttpResponse]
type OpenHandler = Callable[[], HttpResponse]


def answer(request: HttpRequest, handlers: Mapping[str, Handler]) -> HttpResponse:
    """Run the method's handler for whoever is signed in. HEAD is a GET whose body the server leaves out."""
    actor = actor_of(request)
    bound = {method: partial(handler, actor) for method, handler in handlers.items()}
    return answer_anybody(request, bound)


def answer_anybody(request: HttpRequest, handlers: Mapping[str, OpenHandler]) -> HttpResponse:
    """`answer`, for what is there for people who are not signed in."""
    method = "GET" if request.method == "HEAD" else request.method or ""
    allowed = [*handlers, *(["HEAD"] if "GET" in handlers else []), "OPTIONS"]
    if method == "OPTIONS":
        return HttpResponse(status=204, headers={"Allow": ", ".join(allowed)})
    if method not in handlers:
        raise MethodNotAllowed(allowed=allowed)
    return handlers[method]()


def done(message: str, *, status: int = 200) -> HttpResponse:
    """It went well, and there is nothing else to tell."""
    told: Done = {"success": True, "message": message}
    return json_response(told, status=status)


def json_body(request: HttpRequest) -> Any:
    """What was sent, read and parsed."""
    if request.content_type != "application/json":
        raise UnsupportedMediaType
    try:
        return parse_json(request.body)
    except RequestDataTooBig as error:
        raise TooLarge from error
