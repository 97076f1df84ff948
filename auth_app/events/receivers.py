"""From the signals of Django and django-allauth to rows: who came in, who did not, what was changed."""

from collections.abc import Mapping
from typing import Any

from allauth.account import signals as allauth
from django.contrib.auth import signals as django
from django.dispatch import Signal, receiver
from django.http import HttpRequest

from auth_app.events.work import TOO_MANY, WRONG_PASSWORD, Happening, record, record_failure
from auth_app.models import User
from auth_app.profile.work import address_is_theirs
from auth_app.sessions.store import SessionStore, begin
from auth_app.signals import signed_in

# Signals of what a person did to their own account, by what it is called in a row.
CHANGES: Mapping[str, Signal] = {
    "registration": allauth.user_signed_up,
    "password_change": allauth.password_changed,
    "password_set": allauth.password_set,
    "password_reset": allauth.password_reset,
}


def connect() -> None:
    """Called once, when the app is ready."""
    for event, signal in CHANGES.items():
        signal.connect(_receiver(event), weak=False, dispatch_uid=f"auth_app.events.{event}")


def tell(event: str, user: User, request: HttpRequest | None) -> None:
    ip, user_agent = _origin(request)
    record(Happening(event=event, email=user.email, user_id=user.pk, ip=ip, user_agent=user_agent))
    signed_in.send(sender=None, event=event, outcome="success")


def tell_failure(event: str, email: str, reason: str, request: HttpRequest | None) -> None:
    ip, user_agent = _origin(request)
    record_failure(event, email, reason, ip=ip, user_agent=user_agent)
    signed_in.send(sender=None, event=event, outcome="limited" if reason == TOO_MANY else "failure")


@receiver(django.user_logged_in)
def _came_in(request: HttpRequest, user: User, **_signal: Any) -> None:
    begin(request.session)
    SessionStore.clear_expired()
    tell("login", user, request)


@receiver(django.user_logged_out)
def _left(request: HttpRequest, user: User | None, **_signal: Any) -> None:
    if user is not None:
        tell("logout", user, request)


@receiver(django.user_login_failed)
def _was_turned_away(credentials: Mapping[str, Any], request: HttpRequest | None = None, **_signal: Any) -> None:
    tell_failure("login", str(credentials.get("email", "")), WRONG_PASSWORD, request)


@receiver(allauth.email_confirmed)
def _address_is_theirs(email_address: Any, **_signal: Any) -> None:
    address_is_theirs(email_address.user_id)


@receiver(allauth.email_changed)
def _moved(request: HttpRequest, user: User, from_email_address: Any = None, **_signal: Any) -> None:
    # Who has just signed up had none before: that is no change.
    tell("email_change" if from_email_address else "email_verified", user, request)


def _receiver(event: str) -> Any:
    def told(request: HttpRequest, user: User, **_signal: Any) -> None:
        tell(event, user, request)

    return told


def _origin(request: HttpRequest | None) -> tuple[str, str]:
    if request is None:
        return "", ""
    return request.META.get("REMOTE_ADDR", ""), request.headers.get("user-agent", "")
