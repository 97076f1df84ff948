"""JSON endpoints of trusted issuers, for signed-in administrators."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.oauth.issuers import work
from auth_app.oauth.issuers.bodies import IssuerCreate, IssuerUpdate
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import validated


def issuers(request: HttpRequest) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        return json_response({"issuers": work.list_issuers(actor)})

    def create(actor: Actor) -> HttpResponse:
        body = validated(IssuerCreate, json_body(request))
        return json_response(work.create_issuer(actor, body, stamp_of(request, actor)), status=201)

    return answer(request, {"GET": list_them, "POST": create})


def issuer(request: HttpRequest, key: str) -> HttpResponse:
    def read(actor: Actor) -> HttpResponse:
        return json_response(work.read_issuer(actor, key))

    def change(actor: Actor) -> HttpResponse:
        body = validated(IssuerUpdate, json_body(request))
        return json_response(work.update_issuer(actor, key, body, stamp_of(request, actor)))

    def delete(actor: Actor) -> HttpResponse:
        work.delete_issuer(actor, key, stamp_of(request, actor))
        return HttpResponse(status=204)

    return answer(request, {"GET": read, "PUT": change, "DELETE": delete})
