"""JSON endpoints of decisions: why somebody was denied, and whether somebody would be."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.decisions import work
from auth_app.decisions.bodies import DenialParameters, PermissionCheck
from auth_app.endpoints import answer, json_body
from gatewaysite.responses import json_response
from gatewaysite.validation import validated


def denials(request: HttpRequest) -> HttpResponse:
    """Those there were, newest first."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(DenialParameters, request.GET.dict(), where="query")
        found, cursor = work.list_denials(actor, asked)
        return json_response({"denials": found, "nextCursor": cursor})

    return answer(request, {"GET": list_them})


def denial(request: HttpRequest, key: str) -> HttpResponse:
    """One, with every rule that was looked at."""
    return answer(request, {"GET": lambda actor: json_response(work.read_denial(actor, key))})


def check(request: HttpRequest) -> HttpResponse:
    """What the answer would be."""

    def ask(actor: Actor) -> HttpResponse:
        return json_response(work.check(actor, validated(PermissionCheck, json_body(request))))

    return answer(request, {"POST": ask})
