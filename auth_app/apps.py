from django.apps import AppConfig


class AuthAppConfig(AppConfig):
    """Who is asking, and what they may do."""

    name = "auth_app"
    verbose_name = "Access"
