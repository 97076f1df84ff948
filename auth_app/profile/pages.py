"""The pages of one's own account: who one is, the password, the address, and where one is signed in."""

from typing import Any

from allauth.account import views
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from auth_app.account.work import LASTS_S
from auth_app.current import PasswordChangeRequired, at_a_browser
from auth_app.events.work import list_own_events
from auth_app.hosted import Context, errors_of, fields_of, hosted
from auth_app.login.pages import PASSWORD_HELP
from auth_app.people.showing import event_row
from auth_app.people.work import read_oneself
from auth_app.profile import work
from auth_app.sessions import work as sessions_work
from auth_app.stamps import stamp_of
from gatewaysite.controls import control
from gatewaysite.errors import BadInput
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import NOT_IN_A_LINE

SHOWN_EVENTS = 20
NAME_LENGTH = 200
# (route, words, what for): a way in that somebody manages for themselves.
WAYS_IN = (
    ("account_change_password", "Change the password", "It ends every other session; API tokens go on working."),
    ("account_email", "Change the e-mail address", "The new one counts once you have opened the link we send to it."),
    ("mfa_index", "Second factor", "An app or a passkey beside the password, and codes for when you have lost it."),
    ("page-apps", "Connected apps", "Programs that act for you, what each may do, and a button to end it."),
    ("page-sessions", "See where you are signed in", "Every browser, since when, and a button to end it."),
)


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """One's name, and what there is to know about one's account."""
    actor = at_a_browser(request)
    if request.method == "POST":
        name = request.POST.get("full_name", "").strip()
        if len(name) > NAME_LENGTH or NOT_IN_A_LINE.search(name):
            raise BadInput(f"A name is one line of at most {NAME_LENGTH} characters.")
        work.rename(actor, name, stamp_of(request, actor, via="ui"))
        messages.success(request, "Your name was changed.", "ok")
        return redirect_after("page-profile")
    person = read_oneself(actor.user_id)
    context = {
        "section": "profile",
        "person": person,
        "fields": [control("full_name", "Name", {"full_name": person["full_name"]}, autocomplete="name")],
        "ways": [{"url": reverse(route), "words": words, "help": help} for route, words, help in WAYS_IN],
        "standings": work.teams_and_roles(actor.user_id),
        "address_to_come": work.address_to_come(actor.user_id),
        "events": [event_row(event) for event in list_own_events(actor, limit=SHOWN_EVENTS)],
    }
    return render_page(request, "profile/profile.html", context)


# --- The password and the address -------------------------------------------------------------------------------------


def _password(request: HttpRequest, context: Context) -> dict[str, Any]:
    form = context["form"]
    return {
        "section": "profile",
        "title": "Change the password" if "oldpassword" in form.fields else "Set a password",
        "lede": "Every other session of yours ends. API tokens go on working.",
        "forced": getattr(request, "password_is_due", False),
        "username": request.user.get_username(),
        "fields": fields_of(form, password1={"help": PASSWORD_HELP}),
        "errors": errors_of(form) if form.is_bound else [],
        "submit": "Change the password",
    }


def _email(request: HttpRequest, context: Context) -> dict[str, Any]:
    form = context["form"]
    return {
        "section": "profile",
        "title": "Change the e-mail address",
        "lede": "We send a link to the new address. Until you have opened it, the one from before counts.",
        "forced": False,
        "username": request.user.get_username(),
        "fields": fields_of(form),
        "errors": errors_of(form) if form.is_bound else [],
        "submit": "Send the link",
    }


_change_password = hosted(views.password_change, "profile/form.html", _password)
_set_password = hosted(views.password_set, "profile/form.html", _password)
_change_email = hosted(views.email, "profile/form.html", _email)


def password(request: HttpRequest) -> HttpResponseBase:
    """Also for those who get nowhere else before they have changed it: without the rail, which would lead them back."""
    try:
        at_a_browser(request)
    except PasswordChangeRequired:
        request.password_is_due = True  # type: ignore[attr-defined]
    response = _change_password(request)
    if response.status_code == 303:
        said = "The password was changed. Every other session has ended; API tokens go on working."
        messages.success(request, said, "ok")
    return response


def set_password(request: HttpRequest) -> HttpResponseBase:
    """For whoever came by single sign-on and has none."""
    at_a_browser(request)
    return _set_password(request)


def email(request: HttpRequest) -> HttpResponseBase:
    """One address; the form says `action_add` to django-allauth."""
    actor = at_a_browser(request)
    if request.method == "POST":
        if "action_add" not in request.POST:  # it also knows how to do without a password what nobody may here
            raise BadInput("This form changes the address, and nothing else.")
        work.keep_present_address(actor.user_id)
    response = _change_email(request)
    if response.status_code == 303:
        messages.success(request, "We have sent a link to the new address.", "ok")
        return redirect_after("page-profile")
    return response


# --- Sessions ---------------------------------------------------------------------------------------------------------


@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    actor = at_a_browser(request)
    rows = sessions_work.list_sessions(actor.user_id, request.session.session_key)
    context = {"section": "profile", "rows": rows, "minutes": LASTS_S // 60}
    return render_page(request, "profile/sessions.html", context)


@require_POST
def end_session(request: HttpRequest, key: int) -> HttpResponse:
    actor = at_a_browser(request)
    sessions_work.end_session(actor.user_id, key, stamp_of(request, actor, via="ui"))
    messages.success(request, "That session has ended.", "ok")
    return redirect_after("page-sessions")


@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    actor = at_a_browser(request)
    stamp = stamp_of(request, actor, via="ui")
    ended = sessions_work.end_other_sessions(actor.user_id, request.session.session_key, stamp)
    messages.success(request, f"{ended} other session{'' if ended == 1 else 's'} ended.", "ok")
    return redirect_after("page-sessions")
