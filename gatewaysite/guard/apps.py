"""Registers the system check, where the guard is among INSTALLED_APPS."""

from django.apps import AppConfig


class GuardConfig(AppConfig):
    name = "gatewaysite.guard"
    verbose_name = "Connection guard"

    def ready(self) -> None:
        from gatewaysite.guard import checks  # noqa: F401 (importing it registers the check)
