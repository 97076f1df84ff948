"""JSON endpoints of one's own account: in, out, who one is, and passwords."""

from datetime import UTC, datetime

from allauth.account.adapter import get_adapter
from allauth.account.forms import UserTokenForm
from allauth.account.internal.flows.password_reset import finalize_password_reset
from allauth.account.internal.flows.signup import complete_signup
from django.conf import settings
from django.contrib.auth import logout as end_session
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token

from auth_app.account import work
from auth_app.account.bodies import (
    Credentials,
    NamedCredentials,
    PasswordChange,
    PasswordForgotten,
    PasswordReset,
    Registration,
)
from auth_app.account.signing_in import WrongCredentials, apart_from_the_session, check_credentials, pass_stages
from auth_app.actor import Actor
from auth_app.current import person_of
from auth_app.endpoints import answer, answer_anybody, done, json_body
from auth_app.events.receivers import tell
from auth_app.events.work import list_own_events
from auth_app.login.devices import remember_device
from auth_app.login.forms import SignUpForm
from auth_app.login.limits import use_up
from auth_app.paging import OffsetParameters
from auth_app.passwords.forms import write_link
from auth_app.passwords.rules import check_said
from auth_app.people.work import read_oneself
from auth_app.recognition import forget
from auth_app.sessions.store import BEGAN, SEEN
from auth_app.tokens.entries import SessionRequired
from auth_app.users.work import load_person
from gatewaysite.errors import BadInput, Denied, FieldError, NotFound, NotSignedIn
from gatewaysite.responses import json_response
from gatewaysite.validation import bad_field, validated


class WrongPassword(WrongCredentials):
    """Current password is incorrect"""

    code = "wrong_password"


class SignUpClosed(Denied):
    """Public registration is disabled. Please contact an administrator to create an account."""

    code = "sign_up_closed"


# --- In and out ------------------------------------------------------------------------------------------------------


def login(request: HttpRequest) -> HttpResponse:
    """By either word for the address."""

    def do() -> HttpResponse:
        body = validated(NamedCredentials, json_body(request))
        email = body.email or body.username
        if email is None:
            raise bad_field("email", "Either email or username must be provided", "missing")
        return _log_in(request, email, body.password)

    return answer_anybody(request, {"POST": do})


def email_login(request: HttpRequest) -> HttpResponse:
    def do() -> HttpResponse:
        body = validated(Credentials, json_body(request))
        return _log_in(request, body.email, body.password)

    return answer_anybody(request, {"POST": do})


def logout(request: HttpRequest) -> HttpResponse:
    """Ends what asks: the browser's session, or the token of a log-in. An API token is revoked instead."""

    def do(actor: Actor) -> HttpResponse:
        if not actor.is_signed_in:
            raise SessionRequired("Access denied: an API token is not logged out, but revoked: DELETE /tokens/{id}")
        if actor.token_id is None:
            end_session(request)
            response = json_response({"message": "Logged out successfully", "revoked_token": None})
            forget(response)
            return response
        work.close_session(actor.token_id)
        tell("logout", load_person(actor.user_id), request)
        return json_response({"message": "Logged out successfully", "revoked_token": str(actor.token_id)})

    return answer(request, {"POST": do})


def csrf_token(request: HttpRequest) -> HttpResponse:
    """For scripts in a browser: what they send back as X-CSRFToken, also to change a password that must be."""

    def read() -> HttpResponse:
        person_of(request)
        return json_response({"csrf_token": get_token(request)})

    return answer_anybody(request, {"GET": read})


def validate(request: HttpRequest) -> HttpResponse:
    """How long the session that asks still lasts."""

    def read(actor: Actor) -> HttpResponse:
        if not actor.is_signed_in:
            raise NotSignedIn("This is an API token, not a session")
        ends_at = work.session_ends_at(actor.token_id) if actor.token_id else _cookie_ends_at(request)
        return json_response(
            {
                "valid": True,
                "expires_at": ends_at,
                "expires_in": int((ends_at - datetime.now(UTC)).total_seconds()),
                "user": read_oneself(actor.user_id),
                "session_source": "bearer" if actor.token_id else "cookie",
            }
        )

    return answer(request, {"GET": read})


def me(request: HttpRequest) -> HttpResponse:
    return answer(request, {"GET": lambda actor: json_response(read_oneself(actor.user_id))})


def events(request: HttpRequest) -> HttpResponse:
    """One's own."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(OffsetParameters, request.GET.dict(), where="query")
        return json_response(list_own_events(actor, limit=asked.limit, offset=asked.offset))

    return answer(request, {"GET": list_them})


# --- Accounts and passwords ------------------------------------------------------------------------------------------


def register(request: HttpRequest) -> HttpResponse:
    """The same answer for an address that has an account already: whose it is gets a letter."""

    def do() -> HttpResponse:
        body = validated(Registration, json_body(request))
        if not settings.ALLOW_SIGN_UP:
            raise SignUpClosed
        use_up(request, "signup")
        form = SignUpForm({"email": body.email, "full_name": body.full_name, "password1": body.password})
        if not form.is_valid():
            raise _as_bad_input(form)
        with apart_from_the_session(request):
            user, _already_there = form.try_save(request)
            if user is not None:
                complete_signup(request, user=user)
        return done("We have sent a letter to this address. Answer it, then log in.", status=202)

    return answer_anybody(request, {"POST": do})


def change_password(request: HttpRequest) -> HttpResponse:
    """Open also to those who have to change it before anything else."""

    def do() -> HttpResponse:
        user, by_cookie = person_of(request)
        body = validated(PasswordChange, json_body(request))
        try:
            check_credentials(request, user.email, body.old_password)
        except WrongCredentials as error:
            raise WrongPassword from error
        check_said(body.new_password, user, field="new_password")
        get_adapter().set_password(user, body.new_password)
        if by_cookie:
            update_session_auth_hash(request, user)
        tell("password_change", user, request)
        return done("Password changed successfully. Every other session has ended; API tokens go on working.")

    return answer_anybody(request, {"POST": do})


def forgot_password(request: HttpRequest) -> HttpResponse:
    """Says the same, and takes as long, whether anybody has this address."""

    def do() -> HttpResponse:
        body = validated(PasswordForgotten, json_body(request))
        use_up(request, "reset_password", key=body.email.lower())
        write_link(body.email)
        return done("If this email is registered, you will receive a reset link.")

    return answer_anybody(request, {"POST": do})


def reset_password(request: HttpRequest, key: str) -> HttpResponse:
    """`key`: the end of the link in the letter."""

    def look() -> HttpResponse:
        use_up(request, "reset_password_from_key")
        valid = _link(key).is_valid()
        return json_response({"valid": valid, "message": "" if valid else "This link is not valid any more"})

    def do() -> HttpResponse:
        body = validated(PasswordReset, json_body(request))
        use_up(request, "reset_password_from_key")
        link = _link(key)
        user = link.reset_user if link.is_valid() else None
        if user is None:
            raise NotFound("This link is not valid any more")
        check_said(body.new_password, user, field="new_password")
        get_adapter().set_password(user, body.new_password)
        finalize_password_reset(request, user)
        return done("Password reset successfully. Every session has ended; API tokens go on working.")

    return answer_anybody(request, {"GET": look, "POST": do})


# --- Helpers ---------------------------------------------------------------------------------------------------------


def _log_in(request: HttpRequest, email: str, password: str) -> HttpResponse:
    use_up(request, "login")
    user = check_credentials(request, email, password)
    pass_stages(request, user)
    secret = work.open_session(user)
    tell("login", user, request)
    told = {
        "access_token": secret,
        "token_type": "bearer",
        "expires_in": work.LASTS_S,
        "user": read_oneself(user.pk),
    }
    response = json_response(told)
    remember_device(request, response, user.email)
    return response


def _cookie_ends_at(request: HttpRequest) -> datetime:
    session = request.session
    ends = [
        session.get(BEGAN, 0.0) + settings.SESSION_MAX_HOURS * 3600,
        session.get(SEEN, 0.0) + settings.SESSION_IDLE_HOURS * 3600,
    ]
    return datetime.fromtimestamp(min(ends), UTC)


def _link(key: str) -> UserTokenForm:
    uidb36, _, token = key.partition("-")
    return UserTokenForm({"uidb36": uidb36, "key": token})


def _as_bad_input(form: SignUpForm) -> BadInput:
    names = {"password1": "password"}
    return BadInput(
        fields=[
            FieldError(("body", names.get(name, name)), str(message))
            for name, messages in form.errors.items()
            for message in messages
        ]
    )
