"""What is ours in how django-allauth signs people in through providers."""

from secrets import token_urlsafe
from typing import Any, Never

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from django.http import HttpRequest

from auth_app.sso import work
from auth_app.sso.arrivals.work import admit
from auth_app.sso.errors import InvalidState, SsoRejected
from auth_app.sso.provider import Arrival, Provider, app_of
from auth_app.stamps import Stamp, stamp_of_person
from gatewaysite.errors import NotFound


class SocialAdapter(DefaultSocialAccountAdapter):
    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """From our rows. allauth asks for one at a time."""
        entry = work.find_enabled(str(provider)) if provider else None
        return [app_of(entry)] if entry else []

    def get_provider(self, request: HttpRequest, provider: Any, client_id: Any = None) -> Provider:
        apps = self.list_apps(request, provider)
        if not apps:
            raise NotFound(f"SSO provider '{provider}' not found or disabled")
        return Provider(request, app=apps[0])

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Who this is here, or why nobody. By then allauth has looked for the account, by issuer and subject."""
        arrival: Arrival = sociallogin.arrival  # type: ignore[attr-defined]
        request.arrival = arrival  # type: ignore[attr-defined]
        sociallogin.user = admit(arrival, stamp_of_arrival(request, arrival.entry.slug))
        # The provider's tokens were for asking who it is, and stay nowhere.
        sociallogin.token = None

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        """Whether an address is enough is decided in `admit`."""
        return False

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Provider,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> Never:
        context = extra_context or {}
        if "state_id" in context:
            raise InvalidState
        if error == AuthError.CANCELLED:
            raise SsoRejected(f"Signing in was cancelled at {provider.name}.")
        said = [request.GET.get(name, "")[:300] for name in ("error", "error_description")]
        words = ": ".join(part for part in said if part)
        raise SsoRejected(f"{provider.name} says: {words}" if words else "") from exception

    def generate_state_param(self, state: dict[str, Any]) -> str:
        return token_urlsafe(32)

    def serialize_instance(self, instance: Any) -> dict[str, Any]:
        """A log-in that waits for its second factor is kept in the session, without the password's hash."""
        found: dict[str, Any] = super().serialize_instance(instance)  # type: ignore[no-untyped-call]
        found.pop("password", None)
        return found

    def get_requests_session(self) -> Never:
        raise RuntimeError("Providers are asked through auth_app.sso.outgoing")


def stamp_of_arrival(request: HttpRequest, slug: str) -> Stamp:
    """Whoever came from this provider, as far as it is known who that is."""
    arrival: Arrival | None = getattr(request, "arrival", None)
    return stamp_of_person(request, (arrival.email if arrival else "") or f"somebody of {slug}", via="sso")
