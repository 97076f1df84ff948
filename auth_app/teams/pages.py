"""The pages of teams: those there are, a new one, one with all that belongs to it, changing and deleting it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.forms import Plain, done, texts_of, with_errors
from auth_app.joining.letters import deliver
from auth_app.joining.work import invitations_of, list_invitations, list_requests
from auth_app.members.work import list_members
from auth_app.policy import may_alone, may_in, require_in
from auth_app.stamps import stamp_of
from auth_app.teams import work
from auth_app.teams.bodies import TeamCreate, TeamData, TeamUpdate
from auth_app.teams.showing import (
    ROLES,
    body_of,
    fields_of,
    invitation_rows,
    may_with,
    member_rows,
    row_of,
    state_of,
)  # fmt: skip
from gatewaysite.controls import Texts, choices, control
from gatewaysite.errors import BadInput, Conflict
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated

SHOWN = 200
PEOPLE_SHOWN = 500


@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    mine, _ = work.list_teams(actor, limit=SHOWN, offset=0, mine=True)
    every, total = work.list_teams(actor, limit=SHOWN, offset=0) if may_in(actor, "teams.read", None) else ([], 0)
    roles = dict(actor.roles)
    found = work.discover_teams(actor, limit=SHOWN, offset=0)
    elsewhere = {team["id"] for team in (*mine, *found)}
    others = [row_of(team, roles) for team in every if not team["is_personal"] and team["id"] not in elsewhere]
    context = {
        "section": "teams",
        "mine": [row_of(team, roles) for team in sorted(mine, key=lambda team: team["is_personal"])],
        "others": others,
        "left_out": max(0, total - SHOWN),
        "found": [{**team, "url": reverse("page-teams-item", args=[team["id"]]) if every else ""} for team in found],
        "invitations": invitation_rows(invitations_of(actor)),
        "may_create": may_alone(actor, "teams.create"),
    }
    return render_page(request, "teams/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if request.method != "POST":
        return _new_form(request, {"visibility": "private"})
    texts = texts_of(request)
    people = [{"email": line, "role": "member"} for line in texts.get("people", "").split()]
    try:
        body = validated(TeamCreate, body_of(texts) | {"members": people})
        made, added, invited = work.create_team(actor, body, stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        return _new_form(request, texts, error)
    letters = deliver(invited)
    if not letters:
        messages.success(request, f"The team {made['name']} is there, and yours.", "ok")
        return redirect_after("page-teams-item", made["id"])
    context = {"section": "teams", "team": _named(made), "letters": [dict(one) for one in letters], "added": len(added)}
    response = render_page(request, "teams/invited.html", context, status=201)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def team(request: HttpRequest, key: str) -> HttpResponse:
    """Members, ways in, facts; what whoever looks may not do is there and says why."""
    actor = actor_of(request)
    found = work.read_team(actor, key)
    members, total = list_members(actor, found["id"], limit=PEOPLE_SHOWN, offset=0)
    may = may_with(actor, found)
    stays, goes = work.what_depends_on(actor, found["id"])
    rows = member_rows(actor, members)
    context = {
        "section": "teams",
        "team": _facts(found),
        "may": may,
        "members": rows,
        "left_out": total - len(rows),
        "roles": choices(ROLES),
        "in_it": any(row["you"] for row in rows),
        "heirs": [row for row in rows if not row["you"] and not row["locked"]],
        "invitations": invitation_rows(list_invitations(actor, found["id"])),
        "asking": [dict(one) for one in list_requests(actor, found["id"])] if may["manage"]["may"] else [],
        "stays": stays,
        "goes": goes,
    }
    return render_page(request, "teams/team.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    found = work.read_team(actor, key)
    if request.method != "POST":
        texts = {name: str(value or "") for name, value in found.items()}
        return _edit_form(request, actor, found, texts)
    texts = texts_of(request)
    try:
        body = validated(TeamUpdate, body_of(texts))
        changed = work.update_team(actor, key, body, stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        return _edit_form(request, actor, found, texts, error)
    messages.success(request, f"{changed['name']} was changed.", "ok")
    return redirect_after("page-teams-item", changed["id"])


@require_POST
def state(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    on = request.POST.get("active") == "yes"

    def switch() -> str:
        made = work.update_team(
            actor, key, validated(TeamUpdate, {"is_active": on}), stamp_of(request, actor, via="ui")
        )
        return f"{made['name']} is on again." if on else f"{made['name']} is off: it gives its people nothing now."

    return done(request, switch, "page-teams-item", key)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, key: str) -> HttpResponse:
    """Asks once, and says what goes with it."""
    actor = actor_of(request)
    found = work.read_team(actor, key)
    require_in(actor, "teams.delete", UUID(found["id"]))
    if request.method != "POST":
        stays, goes = work.what_depends_on(actor, found["id"])
        context = {"section": "teams", "team": _named(found), "stays": stays, "goes": goes}
        return render_page(request, "teams/delete.html", context)
    try:
        work.delete_team(actor, key, stamp_of(request, actor, via="ui"))
    except Conflict as error:
        messages.error(request, error.message, "bad")
        return redirect_after("page-teams-item", found["id"])
    messages.success(request, f"The team {found['name']} was deleted.", "ok")
    return redirect_after("page-teams")


def _new_form(request: HttpRequest, texts: Texts, error: BadInput | Conflict | None = None) -> HttpResponse:
    fields = [
        *fields_of(texts),
        control("people", "Whom it has", texts, "lines",
                help="One e-mail address in a line. Who has an account is in it at once, everybody else is invited."),
    ]  # fmt: skip
    errors: list[Plain] = []
    if error:
        fields, errors = with_errors(fields, error, {"email": "people", "members": "people"})
    context = {"section": "teams", "fields": fields, "errors": errors, "cancel": reverse("page-teams")}
    return render_page(request, "teams/new.html", context, status=422 if error else 200)


def _edit_form(
    request: HttpRequest, actor: Actor, found: TeamData, texts: Texts, error: BadInput | Conflict | None = None
) -> HttpResponse:
    require_in(actor, "teams.update", UUID(found["id"]))
    fields = fields_of(texts, personal=found["is_personal"])
    limit = may_with(actor, found)["limit"]
    if limit["may"]:
        fields.append(
            control("rate_limit", "Rate limit", texts, placeholder="the default",
                    help="Of its people's tokens together, such as 100/minute, or 10/second; 5000/hour.")
        )  # fmt: skip
    errors: list[Plain] = []
    if error:
        fields, errors = with_errors(fields, error)
    context = {"section": "teams", "team": _named(found), "fields": fields, "errors": errors, "limit": limit}
    return render_page(request, "teams/edit.html", context, status=422 if error else 200)


def _named(found: TeamData) -> Plain:
    return {"id": found["id"], "name": found["name"], "url": reverse("page-teams-item", args=[found["id"]])}


def _facts(found: TeamData) -> Plain:
    return {**found, **_named(found), "state": state_of(found)}
