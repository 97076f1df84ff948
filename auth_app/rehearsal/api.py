"""JSON endpoints of a role's rehearsal."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.rehearsal import work
from auth_app.rehearsal.bodies import RehearsalStart
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import validated


def rehearsal(request: HttpRequest, key: str) -> HttpResponse:
    """What would change, beginning, and giving up."""

    def begin(actor: Actor) -> HttpResponse:
        asked = validated(RehearsalStart, json_body(request))
        return json_response(work.rehearse(actor, key, asked, stamp_of(request, actor)))

    def discard(actor: Actor) -> HttpResponse:
        work.discard(actor, key, stamp_of(request, actor))
        return HttpResponse(status=204)

    def read(actor: Actor) -> HttpResponse:
        return json_response(work.read_rehearsal(actor, key))

    return answer(request, {"GET": read, "PUT": begin, "DELETE": discard})


def promotion(request: HttpRequest, key: str) -> HttpResponse:
    """Make the role what was rehearsed."""
    return answer(request, {"POST": lambda actor: json_response(work.promote(actor, key, stamp_of(request, actor)))})
