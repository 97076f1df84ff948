"""JSON endpoints of single sign-on: what there is to sign in with, providers, and who waits to be let in."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from pydantic import Field

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.sso import work
from auth_app.sso.bodies import ApprovalAction, SsoProviderCreate, SsoProviderUpdate
from auth_app.sso.review.work import decide, list_waiting
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import Plain, validated


class WaitingParameters(Plain):
    include_expired: bool = Field(False, description="Those too whose time to be let in is over.")


@require_safe
def offers(request: HttpRequest) -> HttpResponse:
    """For log-in pages; anybody may ask."""
    return json_response(work.offers())


def providers(request: HttpRequest) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        return json_response(work.list_providers(actor))

    def create(actor: Actor) -> HttpResponse:
        body = validated(SsoProviderCreate, json_body(request))
        return json_response(work.create_provider(actor, body, stamp_of(request, actor)), status=201)

    return answer(request, {"GET": list_them, "POST": create})


def provider(request: HttpRequest, key: str) -> HttpResponse:
    def read(actor: Actor) -> HttpResponse:
        return json_response(work.read_provider(actor, key))

    def change(actor: Actor) -> HttpResponse:
        body = validated(SsoProviderUpdate, json_body(request))
        return json_response(work.update_provider(actor, key, body, stamp_of(request, actor)))

    def delete(actor: Actor) -> HttpResponse:
        work.delete_provider(actor, key, stamp_of(request, actor))
        return json_response({"message": f"SSO provider '{key}' deleted successfully"})

    return answer(request, {"GET": read, "PUT": change, "DELETE": delete})


def waiting(request: HttpRequest) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(WaitingParameters, request.GET.dict(), where="query")
        return json_response(list_waiting(actor, expired=asked.include_expired))

    return answer(request, {"GET": list_them})


def waiting_action(request: HttpRequest, key: str) -> HttpResponse:
    def act(actor: Actor) -> HttpResponse:
        body = validated(ApprovalAction, json_body(request))
        email = decide(actor, key, body, stamp_of(request, actor))
        return json_response({"message": f"User {email} {'approved' if body.action == 'approve' else 'rejected'}"})

    return answer(request, {"POST": act})
