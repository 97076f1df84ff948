"""What is ours in django-allauth's second factors: what is sealed, and what authenticators are told of this site."""

from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings

from gatewaysite.errors import Refused
from gatewaysite.secrets import CannotUnseal, open_sealed, seal

SITE = "Poolgate"


class SecretLost(Refused):
    """Your second factor cannot be checked at the moment; an administrator has to look."""

    reason = "cannot_unseal"


class MFAAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": "This code is not right, or was used."}

    def encrypt(self, text: str) -> str:
        return seal({"secret": text})

    def decrypt(self, encrypted_text: str) -> str:
        """Whose key is gone is let in by nothing else: the answer is 503, never a log-in without the second factor."""
        try:
            return str(open_sealed(encrypted_text)["secret"])
        except CannotUnseal as error:
            raise SecretLost from error

    def get_totp_issuer(self) -> str:
        return SITE

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """By PUBLIC_URL, never by a Host header: a passkey is bound to it."""
        return {"id": urlsplit(settings.PUBLIC_URL).hostname or "", "name": SITE}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        return "Passkey"
