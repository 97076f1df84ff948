"""The form of whoever has forgotten a password, which finds out nothing while somebody waits for its answer."""

from typing import Any

from allauth.account.forms import ResetPasswordForm, default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from auth_app import outbox
from auth_app.passwords.work import person_to_write_to


class ForgotForm(ResetPasswordForm):
    """Takes every address alike: whether anybody has it is looked up when the answer is on its way."""

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"])

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        email = str(self.cleaned_data["email"])
        write_link(email)
        return email


def write_link(email: str, template: str = "password_reset", **more: object) -> None:
    """Send whoever has this address a link to set a password, soon. Nobody, when nobody has it or they are locked."""

    def write() -> outbox.Letter | None:
        user = person_to_write_to(email)
        if user is None:
            return None
        return template, user.email, {"url": link_for(user), "site": settings.PUBLIC_URL, **more}

    outbox.write_soon(write)


def link_for(user: Any) -> str:
    """Where a password is set with no other: works once, for PASSWORD_RESET_TIMEOUT."""
    values = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return str(settings.PUBLIC_URL + reverse("account_reset_password_from_key", kwargs=values))
