"""JSON endpoints of what gateways' servers have changed."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import validated
from proxy_app.drift import work
from proxy_app.drift.data import Decision


def changes(request: HttpRequest, key: str) -> HttpResponse:
    """What was found, and what of it waits."""
    return answer(request, {"GET": lambda actor: json_response(work.read_changes(actor, key))})


def decide(request: HttpRequest, key: str, *, approve: bool) -> HttpResponse:
    """Approve or reject what waits."""

    def act(actor: Actor) -> HttpResponse:
        ids = validated(Decision, json_body(request)).ids
        return json_response(work.decide(actor, key, ids, stamp_of(request, actor), approve=approve))

    return answer(request, {"POST": act})
