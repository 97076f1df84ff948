"""What is ours in django-allauth's authorization server."""

from typing import Any

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from django.conf import settings
from django.core.exceptions import ValidationError

from auth_app.oauth.resources import is_ours

CLIENT_SECRET_PREFIX = "sk-gw-client-"  # noqa: S105 -- scanners find it by this


class OAuthAdapter(DefaultOIDCAdapter):
    def get_issuer(self) -> str:
        ours: str = settings.PUBLIC_URL
        return ours

    def validate_resource_uris(self, *, uris: list[str], **_more: Any) -> None:
        if not all(map(is_ours, uris)):
            raise ValidationError("This is no endpoint of this gateway.")
