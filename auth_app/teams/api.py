"""JSON endpoints of teams."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, done, json_body
from auth_app.joining.letters import deliver
from auth_app.paging import CursorParameters, PageParameters, begins_at, next_cursor
from auth_app.stamps import stamp_of
from auth_app.teams import work
from auth_app.teams.bodies import TeamCreate, TeamUpdate
from gatewaysite.responses import json_response
from gatewaysite.validation import validated


def teams(request: HttpRequest) -> HttpResponse:
    """Those one may look into, and a new one."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(CursorParameters, request.GET.dict(), where="query")
        begin = begins_at(asked, "teams")
        found, total = work.list_teams(actor, limit=asked.limit, offset=begin)
        if asked.include_pagination:
            return json_response({"teams": found, "nextCursor": next_cursor(asked, "teams", begin, total)})
        return json_response({"teams": found, "total": total})

    def create(actor: Actor) -> HttpResponse:
        body = validated(TeamCreate, json_body(request))
        made, added, invited = work.create_team(actor, body, stamp_of(request, actor))
        return json_response(made | {"members_added": added, "invitations_sent": deliver(invited)}, status=201)

    return answer(request, {"GET": list_them, "POST": create})


def discover(request: HttpRequest) -> HttpResponse:
    """Public teams one may ask to join."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(PageParameters, request.GET.dict(), where="query")
        return json_response(work.discover_teams(actor, limit=asked.limit, offset=asked.skip))

    return answer(request, {"GET": list_them})


def team(request: HttpRequest, key: str) -> HttpResponse:
    def read(actor: Actor) -> HttpResponse:
        return json_response(work.read_team(actor, key))

    def change(actor: Actor) -> HttpResponse:
        body = validated(TeamUpdate, json_body(request))
        return json_response(work.update_team(actor, key, body, stamp_of(request, actor)))

    def delete(actor: Actor) -> HttpResponse:
        work.delete_team(actor, key, stamp_of(request, actor))
        return done("Team deleted successfully")

    return answer(request, {"GET": read, "PUT": change, "DELETE": delete})
