"""The OpenAPI document, made of the kinds and their models."""

from django.http import HttpRequest, HttpResponse

from auth_app.current import actor_of
from gatewaysite.responses import json_response


def document(request: HttpRequest) -> HttpResponse:
    actor_of(request)
    return json_response({})
