"""What is done on a team's page with its people: each a form that leads back to the page."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from auth_app.current import actor_of
from auth_app.forms import done, texts_of
from auth_app.members import work
from auth_app.members.bodies import MemberAdd, MemberUpdate, TeamTransfer
from auth_app.stamps import stamp_of
from auth_app.teams.showing import WORDS
from gatewaysite.validation import validated

PAGE = "page-teams-item"


@require_POST
def add(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    texts = texts_of(request)

    def act() -> str:
        body = validated(MemberAdd, {name: texts.get(name, "") for name in ("email", "role")})
        made = work.add_member(actor, key, body.email, body.role, stamp_of(request, actor, via="ui"))
        return f"{made['user_email']} is in the team: {WORDS[made['role']].lower()}."

    return done(request, act, PAGE, key)


@require_POST
def change(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    texts = texts_of(request)

    def act() -> str:
        role = validated(MemberUpdate, {"role": texts.get("role", "")}).role
        made = work.change_role(actor, key, texts.get("email", ""), role, stamp_of(request, actor, via="ui"))
        return f"{made['user_email']} is {WORDS[made['role']].lower()} now."

    return done(request, act, PAGE, key)


@require_POST
def remove(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    email = texts_of(request).get("email", "")

    def act() -> str:
        work.remove_member(actor, key, email, stamp_of(request, actor, via="ui"))
        return f"{email} is not in the team any more."

    return done(request, act, PAGE, key)


@require_POST
def leave(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    return done(
        request,
        lambda: f"You have left the team {work.leave_team(actor, key, stamp_of(request, actor, via='ui'))}.",
        "page-teams",
    )


@require_POST
def transfer(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)

    def act() -> str:
        body = validated(TeamTransfer, {"email": texts_of(request).get("email", "")})
        made = work.transfer_team(actor, key, body.email, stamp_of(request, actor, via="ui"))
        return f"{made['user_email']} owns the team now."

    return done(request, act, PAGE, key)
