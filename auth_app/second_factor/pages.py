"""Pages around django-allauth's second factors: at log-in, one's own, and everybody's for administrators."""

import json
from collections.abc import Mapping
from typing import Any

import qrcode
from allauth.account import views as account_views
from allauth.mfa.base import views as base
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.mfa.webauthn.internal import auth
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe
from fido2.utils import websafe_encode

from auth_app.current import actor_of
from auth_app.hosted import Context, errors_of, fields_of, hosted
from auth_app.login.adapter import safe_target
from auth_app.second_factor import work
from auth_app.second_factor.required import SecondFactorMissing, is_required
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response, redirect_after, render_page

type Plain = dict[str, Any]

WORDS = {
    "reauthenticate": "Use your password",
    "mfa_reauthenticate": "Use a code",
    "mfa_reauthenticate:webauthn": "Use a passkey",
}


def _with_rail(request: HttpRequest, shown: Plain) -> Plain:
    """Whoever has to set one up first sees no rail: nothing else would open."""
    try:
        actor_of(request)
        must = False
    except SecondFactorMissing:
        must = True
    return {"section": "profile", "must": must} | shown


# --- At log-in --------------------------------------------------------------------------------------------------------


def _at_login(request: HttpRequest, context: Context) -> Plain:
    form, by_key = context["form"], context["webauthn_form"]
    wrong = [one for asked in (form, by_key) if asked is not None and asked.is_bound for one in errors_of(asked)]
    return {"errors": wrong, "options": _options(context), "next": ""}


class PasskeyLogin(webauthn.LoginWebAuthnView):
    """What the browser asks a passkey with, and its answer."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return json_response(_plain(auth.begin_authentication(user=None)))

    def form_invalid(self, form: Any) -> HttpResponse:
        return HttpResponseRedirect(f"{reverse('login')}?passkey=failed", status=303)


at_login = hosted(base.authenticate, "second_factor/at_login.html", _at_login)
passkey_login = hosted(PasskeyLogin.as_view(), "second_factor/at_login.html", _at_login)


# --- One's own --------------------------------------------------------------------------------------------------------


def _index(request: HttpRequest, context: Context) -> Plain:
    found = context["authenticators"]
    keys = [_factor(one.instance) | {"name": one.name} for one in found.get("webauthn", [])]
    recovery = found.get("recovery_codes")
    return _with_rail(
        request,
        {
            "app": _factor(found["totp"].instance) if "totp" in found else None,
            "passkeys": keys,
            "codes": len(recovery.get_unused_codes()) if recovery else None,
            "required": is_required(is_admin=request.user.is_admin),  # type: ignore[union-attr]
        },
    )


def _app(request: HttpRequest, context: Context) -> Plain:
    form = context["form"]
    secret = form.secret
    return _with_rail(
        request,
        {
            "errors": errors_of(form) if form.is_bound else [],
            "fields": fields_of(form, code={"label": "Code", "help": "The six digits the app shows now."}),
            "qr": _qr(context["totp_url"]),
            "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        },
    )


def _qr(url: str) -> Plain:
    """As one path of squares, for an SVG of ours."""
    drawn = qrcode.QRCode(border=4)
    drawn.add_data(url)
    rows = drawn.get_matrix()
    squares = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark]
    return {"size": len(rows), "path": "".join(squares)}


def _codes(request: HttpRequest, context: Context) -> Plain:
    shown = context["unused_codes"] if context["can_view_codes"] else []
    return _with_rail(request, {"codes": list(shown), "left": len(context["unused_codes"])})


def _new_codes(request: HttpRequest, context: Context) -> Plain:
    return _with_rail(request, _question("New recovery codes", "The ones you have stop working.", "Make new codes"))


def _remove_app(request: HttpRequest, context: Context) -> Plain:
    words = "Codes of the app are not asked for any more."
    return _with_rail(request, _question("Remove the authenticator app", words, "Remove it"))


def _remove_passkey(request: HttpRequest, context: Context) -> Plain:
    name = context["object"].wrap().name
    return _with_rail(request, _question(f"Remove {name}", "It lets nobody in any more.", "Remove it"))


def _question(title: str, words: str, button: str) -> Plain:
    return {"title": title, "words": words, "button": button}


def _passkey(request: HttpRequest, context: Context) -> Plain:
    form = context["form"]
    return _with_rail(
        request,
        {
            "errors": errors_of(form) if form.is_bound else [],
            "name": form["name"].value() or "",
            "options": _options(context, "creation_options"),
        },
    )


def _confirm(request: HttpRequest, context: Context) -> Plain:
    form = context["form"]
    help_of = {"password": {"label": "Password"}, "code": {"label": "Code", "help": "Of your app, or a recovery code."}}
    fields = [field for field in fields_of(form, **help_of) if field["key"] in help_of]
    asked = request.POST if request.method == "POST" else request.GET
    return _with_rail(
        request,
        {
            "errors": errors_of(form) if form.is_bound else [],
            "fields": fields,
            "options": _options(context) if "js_data" in context else "",
            "next": safe_target(asked.get(REDIRECT_FIELD_NAME, "")),
            "others": [
                {"label": WORDS[one["id"]], "url": one["url"]} for one in context["reauthentication_alternatives"]
            ],
        },
    )


class ConfirmByPasskey(webauthn.ReauthenticateWebAuthnView):
    def form_invalid(self, form: Any) -> HttpResponse:
        """Back to the question, not to the log-in page."""
        target = safe_target(self.request.POST.get(REDIRECT_FIELD_NAME, ""))
        query = f"?{urlencode({REDIRECT_FIELD_NAME: target})}" if target else ""
        return HttpResponseRedirect(self.request.path + query, status=303)


index = hosted(base.index, "second_factor/index.html", _index)
app = hosted(totp.activate_totp, "second_factor/app.html", _app)
remove_app = hosted(totp.deactivate_totp, "second_factor/question.html", _remove_app)
recovery_codes = hosted(codes.view_recovery_codes, "second_factor/codes.html", _codes)
new_codes = hosted(codes.generate_recovery_codes, "second_factor/question.html", _new_codes)
passkey = hosted(webauthn.add_webauthn, "second_factor/passkey.html", _passkey)
remove_passkey = hosted(webauthn.remove_webauthn, "second_factor/question.html", _remove_passkey)
confirm = hosted(account_views.reauthenticate, "second_factor/confirm.html", _confirm)
confirm_by_code = hosted(base.reauthenticate, "second_factor/confirm.html", _confirm)
confirm_by_passkey = hosted(ConfirmByPasskey.as_view(), "second_factor/confirm.html", _confirm)


# --- Everybody's ------------------------------------------------------------------------------------------------------


@require_safe
def everybody(request: HttpRequest) -> HttpResponse:
    found = work.list_standings(actor_of(request))
    rows = [row | {"required": is_required(is_admin=row["is_admin"])} for row in found]
    return render_page(request, "second_factor/people.html", {"section": "sso", "rows": rows})


@require_POST
def reset(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    email = work.reset(actor, key, stamp_of(request, actor, via="ui"))
    messages.success(request, f"{email} has no second factor any more.", "ok")
    return redirect_after("page-second-factors")


def _factor(row: Any) -> Plain:
    return {"id": row.pk, "created_at": row.created_at, "last_used_at": row.last_used_at}


def _options(context: Context, name: str = "request_options") -> str:
    """For an attribute: scripts of ours read it there."""
    return json.dumps(_plain(context["js_data"][name])) if context.get("js_data") else ""


def _plain(found: Any) -> Any:
    if isinstance(found, Mapping):
        return {name: _plain(value) for name, value in found.items() if value is not None}
    if isinstance(found, bytes):
        return websafe_encode(found)
    return [_plain(one) for one in found] if isinstance(found, list | tuple) else found
