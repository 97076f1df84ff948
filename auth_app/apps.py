"""The Django app of people, teams and tokens; its ready() tells what may be permitted there."""

from django.apps import AppConfig

PERMITTED = {
    "audit": ("read",),
    "roles": ("read", "create", "update", "delete", "grant"),
    "teams": ("read", "create", "update", "delete", "join", "manage_members"),
    "tokens": ("read", "create", "update", "revoke"),
    "users": ("read", "create", "update", "delete"),
}


class AuthAppConfig(AppConfig):
    name = "auth_app"
    verbose_name = "Access"

    def ready(self) -> None:
        from auth_app.permissions import catalogue

        for kind, verbs in PERMITTED.items():
            catalogue.add(kind, *verbs)
