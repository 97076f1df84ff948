"""What is ours in how django-allauth signs people in."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context as current
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from auth_app import outbox
from auth_app.events.receivers import tell_failure
from auth_app.events.work import TOO_MANY
from auth_app.login.devices import remember_device
from auth_app.login.letters import letter_of
from auth_app.login.limits import attempt
from auth_app.models import User
from auth_app.passwords.rules import check_new
from auth_app.passwords.work import store_password
from auth_app.profile.work import is_taken
from auth_app.sso.sessions.work import note_session
from auth_app.stamps import stamp_of_person
from gatewaysite.responses import redirect_after

# What a session keeps of the provider it began at.
FROM_PROVIDER = "from_provider"


class Backend(AuthenticationBackend):
    """People by their e-mail address and password. What they may do is not asked here, but of auth_app.policy."""


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "This e-mail address and this password do not belong together.",
        "too_many_login_attempts": "Too many attempts failed. Try again in a minute.",
        "enter_current_password": "This is not your present password.",
        "incorrect_password": "This is not your password.",
        "duplicate_email": "This is your address already.",
    }

    # --- Getting in

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """A device somebody has logged in from before is counted by itself."""
        email = str(credentials.get("email", ""))
        self._login_failed_rl_usage = attempt(request, email)
        if not self._login_failed_rl_usage:
            tell_failure("login", email, TOO_MANY, request)
            raise self.validation_error("too_many_login_attempts")

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """The same for every Host header."""
        return str(credentials.get("email", "")).lower()

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Whoever is locked out reads what everybody reads who is wrong: that the address exists stays unsaid."""
        user = super().authenticate(request, **credentials)
        return user if user is None or user.is_active else None

    def reauthenticate(self, user: AbstractBaseUser, password: str) -> bool:
        """Also of those whose address allauth keeps no row of."""
        found = self.authenticate(current.request, email=user.get_username(), password=password)
        return found is not None and found.pk == user.pk

    def get_login_stages(self) -> list[str]:
        theirs, ours = "allauth.account.stages.EmailVerificationStage", "auth_app.login.stages.EmailVerificationStage"
        return [ours if stage == theirs else stage for stage in super().get_login_stages()]

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **values: Any) -> HttpResponse | None:
        """Every way in comes through here, before its stages.

        Who waits to be let in still has to answer our letter; without an account that is on, nobody gets further. Of
        somebody who comes from a provider the session keeps what ends it there.
        """
        request.session.pop(FROM_PROVIDER, None)
        if (login := (values.get("signal_kwargs") or {}).get("sociallogin")) is not None:
            request.session[FROM_PROVIDER] = login.arrival.session
        elif values["signup"] and not user.is_active:
            return None
        return super().pre_login(request, user, **values)

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **values: Any) -> HttpResponse:
        """After the last stage."""
        assert isinstance(user, User)  # noqa: S101 (there is no other model)
        response: HttpResponse = super().post_login(request, user, **values)
        remember_device(request, response, user.email)
        if facts := request.session.get(FROM_PROVIDER):
            note_session(
                user, request.session.session_key or "", facts, stamp_of_person(request, user.email, via="sso")
            )
        return response

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        """Says no more than a wrong password does."""
        return redirect_after("login")

    # --- Passwords and accounts

    def clean_password(self, password: str, user: AbstractBaseUser | None = None) -> str:
        check_new(password, user if isinstance(user, User) else None)
        return password

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """Hashed first: that takes its time. The session this is done in goes on, all others end."""
        assert isinstance(user, User)  # noqa: S101 (there is no other model)
        user.password = make_password(password)
        store_password(user.pk, user.password, stamp_of_person(current.request, user.email))

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.ALLOW_SIGN_UP)

    def save_user(
        self, request: HttpRequest, user: AbstractBaseUser, form: BaseForm, commit: bool = True
    ) -> AbstractBaseUser:
        """Somebody who has just signed up, and has to show that the address is theirs."""
        assert isinstance(user, User)  # noqa: S101
        user.email_verified_at, user.password_changed_at = None, timezone.now()
        user.awaits_approval = settings.SIGN_UP_APPROVAL
        user.is_active = not user.awaits_approval
        user.full_name = form.cleaned_data.get("full_name", "")
        try:
            return super().save_user(request, user, form, commit)
        except IntegrityError as error:  # somebody else was quicker with the same address
            raise ImmediateHttpResponse(redirect_after("account_email_verification_sent")) from error

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Also where somebody else has this address of whom django-allauth keeps no row."""
        if is_taken(email_address.email, but_by=email_address.user_id):
            return False
        try:
            return super().confirm_email(request, email_address)
        except IntegrityError:  # somebody has just got it
            return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("page-profile")

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        return reverse("page-profile" if self.request.user.is_authenticated else "page-verified")

    # --- Letters

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        template, told = letter_of(template_prefix, context)
        outbox.post(template, email, told)

    def send_notification_mail(
        self, template_prefix: str, user: Any, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Also to those whose address allauth keeps no row of."""
        super().send_notification_mail(template_prefix, user, context, email or user.email)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return f"{settings.PUBLIC_URL}{reverse('account_confirm_email', args=[emailconfirmation.key])}"

    # --- The rest

    def get_client_ip(self, request: HttpRequest) -> str:
        """gunicorn has put the caller's here, from whichever proxies it was told to believe."""
        return request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104 -- nobody knows it behind a Unix socket

    def is_safe_url(self, url: str) -> bool:
        return bool(safe_target(url))

    def is_ajax(self, request: HttpRequest) -> bool:
        """Its answers for scripts are not ours."""
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our pages say themselves what has happened."""


def safe_target(target: str) -> str:
    """Where to go after log-in: a path of this site, or nothing."""
    if target.startswith("/") and target.isprintable() and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return target
    return ""
