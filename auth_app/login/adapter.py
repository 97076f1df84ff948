"""What is ours in how django-allauth signs people in."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


class Backend(AuthenticationBackend):
    """People by their e-mail address and password. What they may do is not asked here, but of auth_app.policy."""


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "This e-mail address and this password do not belong together.",
        "too_many_login_attempts": "Too many attempts failed. Try again in a minute.",
    }

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Whoever is locked out reads what everybody reads who is wrong: that the address exists stays unsaid."""
        user = super().authenticate(request, **credentials)
        return user if user is None or user.is_active else None

    def get_client_ip(self, request: HttpRequest) -> str:
        """gunicorn has put the caller's here, from whichever proxies it was told to believe."""
        return request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104 -- nobody knows it behind a Unix socket

    def is_safe_url(self, url: str) -> bool:
        return bool(safe_target(url))

    def is_ajax(self, request: HttpRequest) -> bool:
        """Its answers for scripts are not ours."""
        return False

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our pages say themselves what has happened."""


def safe_target(target: str) -> str:
    """Where to go after log-in: a path of this site, or nothing."""
    if target.startswith("/") and target.isprintable() and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return target
    return ""
