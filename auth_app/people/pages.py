"""The pages of people, for those who administer them."""

from collections.abc import Callable, Mapping

from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.events.work import list_events
from auth_app.forms import Plain, texts_of, with_errors
from auth_app.passwords.forms import write_link
from auth_app.passwords.rules import generated
from auth_app.people import work
from auth_app.people.api import INVITATION, enter
from auth_app.people.bodies import UserCreate, UserData, UserUpdate
from auth_app.people.showing import event_row, people_table, state_of
from auth_app.policy import may, require
from auth_app.stamps import Stamp, stamp_of
from gatewaysite import listing
from gatewaysite.controls import Field, Texts, choices, control
from gatewaysite.errors import BadInput, Conflict, NotFound
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated

# What an action does, and what is said when it is done.
Act = Callable[[Actor, UserData, Stamp], str]

PAGE_SIZE, SHOWN_EVENTS = 50, 20
CHIPS = (
    ("", "All"),
    ("administrators", "Administrators"),
    ("locked", "Locked"),
    ("waiting", "Waiting"),
    ("off", "Switched off"),
)
WAYS = (
    (INVITATION, "By a link in a letter, with which they choose a password"),
    ("generated", "With a password that is shown to you once, and changed at the first log-in"),
)


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    search, state = request.GET.get("search", "")[:200], request.GET.get("state", "")
    page = max(1, min(10_000, int(text))) if (text := request.GET.get("page", "1")).isdecimal() else 1
    found = work.list_people(actor, search=search, state=state, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
    get = request.GET
    chips = [listing.chip(label, key == state, get, state=key or None) for key, label in CHIPS]
    noun = "person" if found.total == 1 else "people"
    context = {
        "section": "people",
        "title": "People",
        "filters": listing.filters("Search people", get, search=search, active=bool(search or state), chips=chips),
        "table": people_table(found.rows),
        "pages": listing.pages(get, page=page, size=PAGE_SIZE, shown=len(found.rows), total=found.total)
        | {"noun": noun},
        "may_create": may(actor, "users.create"),
    }
    return render_page(request, "people/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form; with a generated password also the one answer that has it, so no redirect and nothing stored."""
    actor = actor_of(request)
    work.may_create(actor, is_admin=False)
    if request.method != "POST":
        return _form(request, actor, {"way": INVITATION})
    texts = texts_of(request)
    password = generated() if texts.get("way") == "generated" else None
    try:
        made = enter(actor, validated(UserCreate, _body(texts, password)), stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        return _form(request, actor, texts, error)
    if password is None:
        messages.success(request, f"{made['email']} has an account; a letter with a link is on its way.", "ok")
        return redirect_after("page-users-item", made["id"])
    return _shown_once(request, made, password, status=201)


@require_safe
def person(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    found = work.read_person(actor, key)
    events = list_events(actor, email=found["email"], limit=SHOWN_EVENTS, offset=0)
    context = {
        "section": "people",
        "person": found,
        "state": state_of(found),
        "own": found["id"] == actor.user_id.hex,
        "may_change": may(actor, "users.update") and (not found["is_admin"] or may(actor, "roles.grant")),
        "may_grant": may(actor, "roles.grant"),
        "may_delete": may(actor, "users.delete"),
        "fields": [control("full_name", "Name", {"full_name": found["full_name"]}, autocomplete="off")],
        "events": [event_row(event) for event in events],
    }
    return render_page(request, "people/person.html", context)


@require_POST
def act(request: HttpRequest, key: str, action: str) -> HttpResponse:
    """One of ACTIONS. A new password is shown in the answer, and nowhere else."""
    actor = actor_of(request)
    stamp = stamp_of(request, actor, via="ui")
    found = work.read_person(actor, key)
    if action == "password":
        return _new_password(request, actor, found, stamp)
    if action == "name":
        body = validated(UserUpdate, {"full_name": request.POST.get("full_name", "")})
        work.change_person(actor, key, body, stamp)
        messages.success(request, "The name was changed.", "ok")
    elif action in ACTIONS:
        try:
            messages.success(request, ACTIONS[action](actor, found, stamp), "ok")
        except Conflict as error:
            messages.error(request, error.message, "warn")
    else:
        raise NotFound
    return redirect_after("page-users-item", found["id"])


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, key: str) -> HttpResponse:
    """Asks once, and names what depends on it."""
    actor = actor_of(request)
    require(actor, "users.delete")
    found = work.read_person(actor, key)
    problem = ""
    if request.method == "POST":
        try:
            heir = request.POST.get("heir", "")
            email = work.delete_person(actor, found["id"], stamp_of(request, actor, via="ui"), heir=heir)
        except Conflict as error:
            problem = error.message
        else:
            messages.success(request, f"{email} was deleted.", "ok")
            return redirect_after("page-users")
    context = {
        "section": "people",
        "person": found,
        "dependents": work.belongings_of(actor, found["id"]),
        "field": _heir(actor, found),
        "problem": problem,
    }
    return render_page(request, "people/delete.html", context, status=409 if problem else 200)


# --- What can be done to somebody -------------------------------------------------------------------------------------


def _change(said: str, **values: bool) -> Act:
    def do(actor: Actor, person: UserData, stamp: Stamp) -> str:
        work.change_person(actor, person["id"], UserUpdate.model_validate(values), stamp)
        return said

    return do


def _unlock(actor: Actor, person: UserData, stamp: Stamp) -> str:
    work.unlock_person(actor, person["id"], stamp)
    return "Failed log-ins are forgotten; they may try again at once."


def _end_sessions(actor: Actor, person: UserData, stamp: Stamp) -> str:
    ended = work.end_sessions_of(actor, person["id"], stamp)
    return f"{ended} session{'' if ended == 1 else 's'} ended. API tokens go on working."


def _invite(actor: Actor, person: UserData, stamp: Stamp) -> str:
    work.find_for_password(actor, person["id"])
    write_link(person["email"], INVITATION, invited_by=stamp.email)
    return "A letter with a link to set a password is on its way."


ACTIONS: Mapping[str, Act] = {
    "activate": _change("They may log in.", is_active=True),
    "deactivate": _change(
        "They are out, and so are their API tokens, until they are switched on again.", is_active=False
    ),
    "make-administrator": _change("An administrator now. Their sessions have ended: they log in again.", is_admin=True),
    "unmake-administrator": _change("No administrator any more. Their sessions have ended.", is_admin=False),
    "verify": _change("The address counts as theirs.", email_verified=True),
    "force-change": _change("They choose a new password at the next log-in.", password_change_required=True),
    "unlock": _unlock,
    "end-sessions": _end_sessions,
    "invite": _invite,
}


# --- Helpers ----------------------------------------------------------------------------------------------------------


def _new_password(request: HttpRequest, actor: Actor, person: UserData, stamp: Stamp) -> HttpResponse:
    work.find_for_password(actor, person["id"])
    password = generated()
    work.set_password(actor, person["id"], make_password(password), stamp, must_change=True)
    return _shown_once(request, person, password)


def _shown_once(request: HttpRequest, person: UserData, password: str, *, status: int = 200) -> HttpResponse:
    context = {"section": "people", "person": person, "password": password}
    response = render_page(request, "people/made.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _form(request: HttpRequest, actor: Actor, texts: Texts, error: BadInput | Conflict | None = None) -> HttpResponse:
    fields = _fields(texts, may_grant=may(actor, "roles.grant"))
    errors: list[Plain] = []
    if error:
        fields, errors = with_errors(fields, error, clash="email")
    context = {"section": "people", "fields": fields, "errors": errors, "cancel": reverse("page-users")}
    return render_page(request, "people/new.html", context, status=422 if error else 200)


def _fields(texts: Texts, *, may_grant: bool) -> list[Field]:
    fields = [
        control("email", "E-mail", texts, "email", required=True, help="They log in with it."),
        control("full_name", "Name", texts),
        control("way", "How they get in", texts, "select", required=True, choices=choices(WAYS)),
    ]
    if may_grant:
        fields.append(control("is_admin", "Administrator: may do everything, everywhere", texts, "check"))
    return fields


def _body(texts: Texts, password: str | None) -> Plain:
    """What a JSON client would send."""
    return {
        "email": texts.get("email", ""),
        "full_name": texts.get("full_name", ""),
        "is_admin": "is_admin" in texts,
        "password": password,
        "password_change_required": password is not None,
    }


def _heir(actor: Actor, person: UserData) -> Field:
    found = choices(work.heirs(actor, person["id"]))
    help = "What others use goes to this person, so that it goes on working."
    return control(
        "heir", "Hand over to", {"heir": actor.user_id.hex}, "select", required=True, choices=found, help=help
    )
