"""What happens to second factors, as audit entries. django-allauth says so by signals."""

from typing import Any

from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from auth_app.models import User
from auth_app.second_factor import work
from auth_app.stamps import stamp_of_person

ACTIONS = {
    "added": signals.authenticator_added,
    "removed": signals.authenticator_removed,
    "renewed": signals.authenticator_reset,
    "used": signals.authenticator_used,
    "failed": signals.authentication_failed,
}


def connect() -> None:
    for action, signal in ACTIONS.items():
        signal.connect(_teller(action), weak=False, dispatch_uid=f"auth_app.second_factor.{action}")


def _teller(action: str) -> Any:
    def tell(request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any) -> None:
        work.note(user, action, authenticator.type, stamp_of_person(request, user.email))

    return tell
