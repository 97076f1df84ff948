"""django-allauth's letters, in our words: which template of ours stands for one of its own, and what that is told.

Every link begins with PUBLIC_URL; what a Host header says is not asked.
"""

from typing import Any

from django.conf import settings
from django.urls import reverse

from gatewaysite.validation import NOT_IN_A_LINE

OURS = {
    "account/email/email_confirmation": "verify_address",
    "account/email/email_confirmation_signup": "verify_sign_up",
    "account/email/account_already_exists": "already_there",
}
# Something about an account changed, which its person should hear of whoever did it.
CHANGES = {
    "password_changed": "your password was changed",
    "password_set": "a password was set",
    "password_reset": "your password was set anew through a link in a letter",
    "email_changed": "your e-mail address was changed",
}


def letter_of(template_prefix: str, context: dict[str, Any]) -> tuple[str, dict[str, object]]:
    """The name of the template, and its context as plain data."""
    last = template_prefix.rpartition("/")[2]
    return OURS.get(template_prefix, "account_changed"), {
        "site": settings.PUBLIC_URL,
        "url": context.get("activate_url", ""),
        "forgot_url": settings.PUBLIC_URL + reverse("account_reset_password"),
        "what": CHANGES.get(last, last.replace("_", " ")),
        "new_address": context.get("to_email", ""),
        "at": context.get("timestamp"),
        "ip": str(context.get("ip", "")),
        "device": NOT_IN_A_LINE.sub("", str(context.get("user_agent", ""))),
    }
