"""JSON endpoints that ask servers something without registering them."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from gatewaysite.responses import json_response
from gatewaysite.validation import validated
from proxy_app.probing import asking
from proxy_app.probing.data import Detection, HandshakeTest, RequestTest


def handshake(request: HttpRequest) -> HttpResponse:
    """Whether a gateway could be registered so; or whether one works."""
    return _asked(request, HandshakeTest, asking.test_handshake)


def request(request: HttpRequest) -> HttpResponse:
    """One plain request to a server that is registered."""
    return _asked(request, RequestTest, asking.test_request)


def detect(request: HttpRequest) -> HttpResponse:
    """What a URL is."""
    return _asked(request, Detection, asking.detect)


def _asked(request: HttpRequest, body: type[BaseModel], ask: Callable[[Actor, Any], Any]) -> HttpResponse:
    return answer(request, {"POST": lambda actor: json_response(ask(actor, validated(body, json_body(request))))})
