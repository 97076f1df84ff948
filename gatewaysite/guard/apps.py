"""Registers the system check, where the guard is among INSTALLED_APPS."""

from django.apps import AppConfig


class GuardConfig(AppConfig):
    name = __name__.rpartition(".")[0]  # wherever the folder was copied to
    verbose_name = "Connection guard"

    def ready(self) -> None:
        from . import checks  # noqa: F401 (importing it registers the check)
