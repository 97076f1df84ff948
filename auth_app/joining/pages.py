"""Inviting and being invited, asking and being let in, as pages."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from auth_app.current import actor_of
from auth_app.forms import done, texts_of
from auth_app.joining import work
from auth_app.joining.bodies import JoinAsk
from auth_app.joining.letters import deliver
from auth_app.members.bodies import MemberAdd
from auth_app.stamps import stamp_of
from auth_app.teams.showing import WORDS
from gatewaysite.errors import BadInput, Conflict
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated

TEAM, TEAMS = "page-teams-item", "page-teams"
DOES = {
    "owner": "do everything in it, and look after its people",
    "member": "make, change and use what the team has",
    "viewer": "see what the team has",
}


@require_POST
def invite(request: HttpRequest, key: str) -> HttpResponse:
    """The page with the link: the one answer that has it, so no redirect and nothing stored."""
    actor = actor_of(request)
    texts = texts_of(request)
    try:
        body = validated(MemberAdd, {name: texts.get(name, "") for name in ("email", "role")})
        made = work.invite(actor, key, body.email, body.role, stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        messages.error(request, error.message, "bad")
        return redirect_after(TEAM, key)
    (letter,) = deliver([made])
    team = {"id": letter["team_id"], "name": letter["team_name"], "url": reverse(TEAM, args=[letter["team_id"]])}
    context = {"section": "teams", "team": team, "letters": [dict(letter)], "added": 0}
    response = render_page(request, "teams/invited.html", context, status=201)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def cancel(request: HttpRequest, key: str) -> HttpResponse:
    """By the team's people, or by whom it is for, who turns it down so."""
    actor = actor_of(request)
    mine = "mine" in request.POST

    def act() -> str:
        gone = work.cancel_invitation(actor, key, stamp_of(request, actor, via="ui"))
        return f"You have turned down {gone['team_name']}." if mine else f"{gone['email']} is not invited any more."

    return done(request, act, *_after_cancelling(request))


def _after_cancelling(request: HttpRequest) -> tuple[str, ...]:
    """The page of the team, where its people did it; else the list, which is there for everybody."""
    try:
        return TEAM, UUID(request.POST.get("team", "")).hex
    except ValueError:
        return (TEAMS,)


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, key: str) -> HttpResponse:
    """Where the link of a letter leads: who invites, into which team, as what; and accepting."""
    actor = actor_of(request)
    found = work.read_invitation(actor, key)
    if request.method == "POST":

        def act() -> str:
            made = work.accept_invitation(actor, key, stamp_of(request, actor, via="ui"))
            return f"You are in {found['team_name']} now: {WORDS[made['role']].lower()}."

        return done(request, act, TEAMS)
    context = {
        "section": "teams",
        "team": found["team_name"],
        "role": WORDS[found["role"]].lower(),
        "what": DOES[found["role"]],
        "invited_by": found["invited_by"],
        "expires_at": found["expires_at"],
        "open": found["is_active"] and not found["is_expired"],
    }
    response = render_page(request, "teams/invitation.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def join(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)

    def act() -> str:
        message = validated(JoinAsk, {"message": texts_of(request).get("message", "")}).message
        asked = work.ask_to_join(actor, key, message, stamp_of(request, actor, via="ui"))
        return f"The owners of {asked['team_name']} are asked to let you in."

    return done(request, act, TEAMS)


@require_POST
def decide(request: HttpRequest, key: str, request_key: str) -> HttpResponse:
    actor = actor_of(request)

    def act() -> str:
        stamp = stamp_of(request, actor, via="ui")
        if request.POST.get("answer") == "yes":
            return f"{work.approve_request(actor, key, request_key, stamp)['user_email']} is in the team."
        return f"{work.reject_request(actor, key, request_key, stamp)['user_email']} was turned down."

    return done(request, act, TEAM, key)
