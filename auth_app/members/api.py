"""JSON endpoints of who is in a team."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, done, json_body
from auth_app.members import work
from auth_app.members.bodies import MemberAdd, MemberUpdate, TeamTransfer
from auth_app.paging import CursorParameters, begins_at, next_cursor
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import validated


def members(request: HttpRequest, key: str) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(CursorParameters, request.GET.dict(), where="query")
        of = f"members of {key}"
        begin = begins_at(asked, of)
        found, total = work.list_members(actor, key, limit=asked.limit, offset=begin)
        if asked.include_pagination:
            return json_response({"members": found, "nextCursor": next_cursor(asked, of, begin, total)})
        return json_response(found)

    def add(actor: Actor) -> HttpResponse:
        body = validated(MemberAdd, json_body(request))
        made = work.add_member(actor, key, body.email, body.role, stamp_of(request, actor))
        return json_response(made, status=201)

    return answer(request, {"GET": list_them, "POST": add})


def member(request: HttpRequest, key: str, email: str) -> HttpResponse:
    def change(actor: Actor) -> HttpResponse:
        body = validated(MemberUpdate, json_body(request))
        return json_response(work.change_role(actor, key, email, body.role, stamp_of(request, actor)))

    def remove(actor: Actor) -> HttpResponse:
        work.remove_member(actor, key, email, stamp_of(request, actor))
        return done("Team member removed successfully")

    return answer(request, {"PUT": change, "DELETE": remove})


def leave(request: HttpRequest, key: str) -> HttpResponse:
    def go(actor: Actor) -> HttpResponse:
        work.leave_team(actor, key, stamp_of(request, actor))
        return done("Successfully left the team")

    return answer(request, {"DELETE": go})


def transfer(request: HttpRequest, key: str) -> HttpResponse:
    def hand_over(actor: Actor) -> HttpResponse:
        body = validated(TeamTransfer, json_body(request))
        return json_response(work.transfer_team(actor, key, body.email, stamp_of(request, actor)))

    return answer(request, {"POST": hand_over})
