"""django-allauth's forms of passkeys, with what a browser's answer has to look like before it is taken apart.

fido2 raises whatever comes to hand at what somebody makes up, and allauth expects a few of these only.
"""

import struct
from typing import Any

from allauth.mfa.webauthn import forms as theirs
from django import forms
from fido2.webauthn import AuthenticationResponse, RegistrationResponse

UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, IndexError, struct.error)


class Credential(forms.JSONField):
    """What navigator.credentials answered with, as `shape` reads it."""

    widget = forms.HiddenInput

    def __init__(self, shape: Any) -> None:
        super().__init__(required=True)
        self.shape = shape

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        try:
            self.shape.from_dict(found)
        except UNREADABLE as error:
            raise forms.ValidationError("This passkey cannot be read.", code="incorrect_code") from error
        if not isinstance(found, dict) or not isinstance(found.get("response"), dict):
            raise forms.ValidationError("This passkey cannot be read.", code="incorrect_code")
        return found


class Add(theirs.AddWebAuthnForm):
    credential = Credential(RegistrationResponse)


class Login(theirs.LoginWebAuthnForm):
    credential = Credential(AuthenticationResponse)


class Authenticate(theirs.AuthenticateWebAuthnForm):
    credential = Credential(AuthenticationResponse)


class Reauthenticate(theirs.ReauthenticateWebAuthnForm):
    credential = Credential(AuthenticationResponse)
