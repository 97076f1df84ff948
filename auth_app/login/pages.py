"""Signing in and out, signing up, and the links of our letters: django-allauth's views with pages of ours."""

from typing import Any

from allauth.account import views
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from auth_app.hosted import Context, errors_of, fields_of, hosted
from auth_app.login.adapter import FROM_PROVIDER, safe_target
from auth_app.recognition import forget
from auth_app.sso.leaving import end_there
from auth_app.sso.work import offers
from gatewaysite.errors import NotFound
from gatewaysite.responses import render_page

PASSWORD_HELP = "At least 12 characters, not a common password, and none of the last ones."  # noqa: S105 -- a help text


def _login(request: HttpRequest, context: Context) -> dict[str, Any]:
    asked = request.POST if request.method == "POST" else request.GET
    form = context["form"]
    return {
        "errors": errors_of(form) if form.is_bound else [],
        "email": request.POST.get("login", ""),
        "next": safe_target(asked.get(REDIRECT_FIELD_NAME, "")),
        "sign_up": settings.ALLOW_SIGN_UP,
        "approval": settings.ALLOW_SIGN_UP and settings.SIGN_UP_APPROVAL,
        "providers": offers(),
        "passkey_failed": request.GET.get("passkey") == "failed",
    }


# The password is checked with no connection held: the queries before and after it are units of their own.
login = hosted(views.login, "login.html", _login)


def logout(request: HttpRequest) -> HttpResponse:
    """Log out, and be recognised no more. Whoever came from a provider that can end its session too is sent there.

    By a page of ours: a form of ours may lead nowhere else, redirects included.
    """
    leaving = request.session.get(FROM_PROVIDER, {}) if request.method == "POST" else {}
    response = LogoutView.as_view()(request)
    if url := end_there(leaving):
        response = render_page(request, "logged_out.html", {"url": url})
        response["Cache-Control"] = "no-store"
    forget(response)
    return response


# --- A forgotten password ---------------------------------------------------------------------------------------------


def _forgot(request: HttpRequest, context: Context) -> dict[str, Any]:
    lede = "We send a link to the address of your account. With it you set a new password."
    return _form("Forgotten your password?", lede, context, submit="Send the link")


def _reset(request: HttpRequest, context: Context) -> dict[str, Any]:
    if context.get("token_fail"):
        return _said("This link is not valid any more", "It works once, for three days. Ask for another one.") | {
            "link": {"label": "Ask for another link", "url": reverse("account_reset_password")}
        }
    lede = "It ends every session you have. API tokens go on working."
    return _form("Set a new password", lede, context, submit="Set the password", password1={"help": PASSWORD_HELP})


forgot = hosted(views.password_reset, "login/form.html", _forgot)
reset = hosted(views.password_reset_from_key, "login/form.html", _reset)


@require_safe
def forgot_done(request: HttpRequest) -> HttpResponse:
    told = _said("Look into your mail", "If this address has an account, a letter with a link is on its way to it.")
    return render_page(request, "login/form.html", told)


@require_safe
def reset_done(request: HttpRequest) -> HttpResponse:
    told = _said(
        "The password is set", "Log in with it. Every session from before has ended; API tokens go on working."
    )
    return render_page(request, "login/form.html", told)


# --- Signing up -------------------------------------------------------------------------------------------------------


def _sign_up(request: HttpRequest, context: Context) -> dict[str, Any]:
    lede = "We send a letter to this address, to see that it is yours."
    if settings.SIGN_UP_APPROVAL:
        lede += " Then an administrator lets you in."
    return _form("Make an account", lede, context, submit="Make the account", password1={"help": PASSWORD_HELP})


_signing_up = hosted(views.signup, "login/form.html", _sign_up)


def sign_up(request: HttpRequest) -> HttpResponseBase:
    """There is nothing here where nobody may sign up."""
    if not settings.ALLOW_SIGN_UP:
        raise NotFound
    return _signing_up(request)


@require_safe
def verification_sent(request: HttpRequest) -> HttpResponse:
    text = "We have sent a letter to this address. Open the link in it, then log in."
    if settings.SIGN_UP_APPROVAL:
        text += " A new account also waits for an administrator to let it in."
    return render_page(request, "login/form.html", _said("Look into your mail", text))


def _verify(request: HttpRequest, context: Context) -> dict[str, Any]:
    if not context.get("can_confirm"):
        return _said(
            "This link is not valid any more", "Somebody has used it, or it is too old. Log in to get another."
        )
    title, lede = "Is this your address?", f"{context['email']} is the address you log in with from then on."
    return _said(title, lede) | {"submit": "Yes, it is mine"}


verify = hosted(views.confirm_email, "login/form.html", _verify)


@require_safe
def verified(request: HttpRequest) -> HttpResponse:
    text = "You log in with it."
    if settings.ALLOW_SIGN_UP and settings.SIGN_UP_APPROVAL:
        text += " A new account first waits for an administrator to let it in; until then no password is right."
    return render_page(request, "login/form.html", _said("The address is yours", text))


def _form(title: str, lede: str, context: Context, *, submit: str, **more: dict[str, Any]) -> dict[str, Any]:
    form = context["form"]
    return _said(title, lede) | {
        "fields": fields_of(form, **more),
        "errors": errors_of(form) if form.is_bound else [],
        "submit": submit,
        "next": safe_target(str(context.get("redirect_field_value") or "")),
    }


def _said(title: str, lede: str) -> dict[str, Any]:
    """A page with a few words, and the way back."""
    return {
        "title": title,
        "lede": lede,
        "fields": [],
        "errors": [],
        "submit": "",
        "next": "",
        "link": {"label": "To the log-in", "url": reverse("login")},
    }
