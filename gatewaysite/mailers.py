"""Django's MAILERS from one URL, such as smtp+tls://name:password@mail.example.com:587."""

from collections.abc import Mapping
from typing import Any

# A person waits for the page meanwhile, on a thread that others want.
TIMEOUT_S = 5

SMTP = "django.core.mail.backends.smtp.EmailBackend"
FILES = "django.core.mail.backends.filebased.EmailBackend"


def mailers_of(told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`told`: what django-environ reads from the URL, by the names of Django's former settings."""
    options: dict[str, Any] = {}
    if told["EMAIL_BACKEND"] == SMTP:
        options = {
            "host": told["EMAIL_HOST"],
            "port": told["EMAIL_PORT"] or 25,
            "username": told["EMAIL_HOST_USER"] or "",
            "password": told["EMAIL_HOST_PASSWORD"] or "",
            "use_tls": told.get("EMAIL_USE_TLS", False),
            "use_ssl": told.get("EMAIL_USE_SSL", False),
            "timeout": TIMEOUT_S,
        }
    elif told["EMAIL_BACKEND"] == FILES:
        options = {"file_path": f"/{told['EMAIL_FILE_PATH']}"}
    return {"default": {"BACKEND": told["EMAIL_BACKEND"], "OPTIONS": options}}
