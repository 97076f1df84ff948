"""The Django app of people, teams and tokens; its ready() tells what may be permitted there."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

PERMITTED = {
    "audit": ("read",),
    "issuers": ("read", "create", "update", "delete"),
    "oauth_clients": ("read", "create", "update", "delete"),
    "roles": ("read", "create", "update", "delete", "grant"),
    "sso": ("read", "create", "update", "delete", "approve"),
    "teams": ("read", "create", "update", "delete", "join", "manage_members"),
    "tokens": ("read", "create", "update", "revoke"),
    "users": ("read", "create", "update", "delete"),
}


class AuthAppConfig(AppConfig):
    name = "auth_app"
    verbose_name = "Access"

    def ready(self) -> None:
        from allauth.mfa.models import Authenticator
        from allauth.socialaccount.models import SocialAccount

        from auth_app.decisions import recording
        from auth_app.decisions.finding import tokens_can_be_found
        from auth_app.events import receivers
        from auth_app.permissions import catalogue
        from auth_app.roles.system import add_system_roles
        from auth_app.second_factor import events
        from gatewaysite.secrets import SEALED_INSIDE

        post_migrate.connect(add_system_roles, sender=self)

        receivers.connect()
        for kind, verbs in PERMITTED.items():
            catalogue.add(kind, *verbs)
        tokens_can_be_found()
        recording.connect()
        SEALED_INSIDE.append((Authenticator, "data", ("secret", "seed")))
        SEALED_INSIDE.append((SocialAccount, "extra_data", ("sealed",)))
        events.connect()
