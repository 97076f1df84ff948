"""Logging in without a browser: by django-allauth's rules and through its stages, with a token in the end."""

from collections.abc import Iterator
from contextlib import contextmanager

from allauth.account.adapter import get_adapter
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from auth_app.current import PasswordChangeRequired
from auth_app.models import User
from auth_app.second_factor.required import is_required
from auth_app.second_factor.work import has_second_factor
from auth_app.sessions.store import SessionStore
from gatewaysite.errors import Denied, NotSignedIn, RateLimited, spread

# How a stage that asks for more is told to a program, by django-allauth's name for it.
STAGES = {"verify_email": ("email_not_verified", "Answer the letter we have sent to this address first")}
MORE = ("second_factor_required", "This account asks for a second factor: log in at /login and make an API token")


class WrongCredentials(NotSignedIn):
    """Invalid email or password"""

    code = "invalid_credentials"


class MoreIsAsked(Denied):
    """Something besides the password is asked for"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check_credentials(request: HttpRequest, email: str, password: str) -> User:
    """Whose they are. Raises WrongCredentials, or RateLimited when too many were wrong. Slow, with nothing held."""
    try:
        user = get_adapter().authenticate(request, email=email, password=password)
    except ValidationError as error:
        raise RateLimited("Too many attempts failed; try again later", retry_after_s=spread(60)) from error
    if not isinstance(user, User):
        raise WrongCredentials
    return user


def pass_stages(request: HttpRequest, user: User) -> None:
    """Whatever a browser would be asked after the password. Raises MoreIsAsked, or PasswordChangeRequired."""
    login = Login(user=user, email=user.email)
    stages = LoginStageController(request, login)
    with apart_from_the_session(request):
        asks = stages.handle() is not None  # type: ignore[no-untyped-call]
    if asks:
        raise MoreIsAsked(*STAGES.get(str(stages.state.get("current")), MORE))
    if is_required(is_admin=user.is_admin) and not has_second_factor(user.pk):
        raise MoreIsAsked(*MORE)
    if user.password_is_due(timezone.now(), lasts_days=settings.PASSWORD_MAX_AGE_DAYS):
        raise PasswordChangeRequired


@contextmanager
def apart_from_the_session(request: HttpRequest) -> Iterator[None]:
    """What django-allauth remembers for a browser's next page is of no use to a program, and gives it no cookie."""
    kept, request.session = request.session, SessionStore()
    try:
        yield
    finally:
        request.session = kept
