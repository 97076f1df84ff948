"""The JSON endpoint of what goes along when a gateway is deleted."""

from django.http import HttpRequest, HttpResponse

from auth_app.endpoints import answer
from gatewaysite.responses import json_response
from proxy_app.removal import work


def impact(request: HttpRequest, key: str) -> HttpResponse:
    return answer(request, {"GET": lambda actor: json_response(work.read_impact(actor, key))})
