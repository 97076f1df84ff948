"""Forms of django-allauth with something of ours."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.fields import PasswordField
from allauth.account.forms import AddEmailForm, SignupForm
from django import forms
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from gatewaysite.validation import NOT_IN_A_LINE


class SignUpForm(SignupForm):
    """Somebody makes an account for themselves."""

    full_name = forms.CharField(label="Name", max_length=200, required=False)
    field_order = ["email", "full_name", "password1"]

    def clean_full_name(self) -> str:
        return NOT_IN_A_LINE.sub("", self.cleaned_data["full_name"])

    def clean_email(self) -> str:
        email: str = super().clean_email()
        if settings.SIGN_UP_DOMAINS and email.rpartition("@")[2] not in settings.SIGN_UP_DOMAINS:
            raise forms.ValidationError(f"Addresses at {', '.join(settings.SIGN_UP_DOMAINS)} may sign up here.")
        return email

    def try_save(self, request: HttpRequest) -> Any:
        """Takes as long for an address that has an account already, and says the same."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class ChangeEmailForm(AddEmailForm):
    """Whoever finds a browser open must not be able to carry the account away."""

    password = PasswordField(label="Your password", autocomplete="current-password")

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        adapter = get_adapter()
        if self.user is None or not adapter.reauthenticate(self.user, password):
            raise adapter.validation_error("incorrect_password")
        return password
