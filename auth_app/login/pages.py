"""Signing in, and out."""

from typing import Any

from allauth.account import views
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse

from auth_app.hosted import Context, errors_of, hosted
from auth_app.login.adapter import safe_target
from auth_app.recognition import forget


def _login(request: HttpRequest, context: Context) -> dict[str, Any]:
    asked = request.POST if request.method == "POST" else request.GET
    form = context["form"]
    return {
        "errors": errors_of(form) if form.is_bound else [],
        "email": request.POST.get("login", ""),
        "next": safe_target(asked.get(REDIRECT_FIELD_NAME, "")),
    }


# The password is checked with no connection held: the queries before and after it are units of their own.
login = hosted(views.login, "login.html", _login)


def logout(request: HttpRequest) -> HttpResponse:
    """Log out, and be recognised no more."""
    response = LogoutView.as_view()(request)
    forget(response)
    return response
