"""JSON endpoints of invitations and join requests."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, done, json_body
from auth_app.joining import work
from auth_app.joining.bodies import JoinAsk
from auth_app.joining.letters import deliver
from auth_app.members.bodies import MemberAdd
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import validated


def invitations(request: HttpRequest, key: str) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        return json_response(work.list_invitations(actor, key))

    def invite(actor: Actor) -> HttpResponse:
        body = validated(MemberAdd, json_body(request))
        made = work.invite(actor, key, body.email, body.role, stamp_of(request, actor))
        return json_response(deliver([made])[0], status=201)

    return answer(request, {"GET": list_them, "POST": invite})


def my_invitations(request: HttpRequest) -> HttpResponse:
    return answer(request, {"GET": lambda actor: json_response(work.invitations_of(actor))})


def accept(request: HttpRequest, key: str) -> HttpResponse:
    def take(actor: Actor) -> HttpResponse:
        return json_response(work.accept_invitation(actor, key, stamp_of(request, actor)))

    return answer(request, {"POST": take})


def invitation(request: HttpRequest, key: str) -> HttpResponse:
    def cancel(actor: Actor) -> HttpResponse:
        work.cancel_invitation(actor, key, stamp_of(request, actor))
        return done("Team invitation cancelled successfully")

    return answer(request, {"DELETE": cancel})


def join(request: HttpRequest, key: str) -> HttpResponse:
    def ask(actor: Actor) -> HttpResponse:
        body = validated(JoinAsk, json_body(request)) if request.body else JoinAsk()
        return json_response(work.ask_to_join(actor, key, body.message, stamp_of(request, actor)))

    return answer(request, {"POST": ask})


def join_requests(request: HttpRequest, key: str) -> HttpResponse:
    return answer(request, {"GET": lambda actor: json_response(work.list_requests(actor, key))})


def approve(request: HttpRequest, key: str, request_key: str) -> HttpResponse:
    def let_in(actor: Actor) -> HttpResponse:
        return json_response(work.approve_request(actor, key, request_key, stamp_of(request, actor)))

    return answer(request, {"POST": let_in})


def join_request(request: HttpRequest, key: str, request_key: str) -> HttpResponse:
    def reject(actor: Actor) -> HttpResponse:
        work.reject_request(actor, key, request_key, stamp_of(request, actor))
        return done("Join request rejected successfully")

    return answer(request, {"DELETE": reject})
