"""Devices somebody has logged in from before: a signed cookie that lets nobody in, and is counted by itself.

Whoever guesses at an address from elsewhere uses up the attempts of everybody without such a cookie, and not those of
the person's own devices (OWASP, "Device cookies").
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

SALT = "auth_app.login.devices"
LASTS_S = 180 * 24 * 3600


def device_of(request: HttpRequest, email: str) -> str:
    """What names this device to the person with this address; empty when they have not been here."""
    try:
        told = signing.loads(request.COOKIES.get(_cookie(email), ""), salt=SALT, max_age=LASTS_S)
    except signing.BadSignature:
        return ""
    return str(told["device"]) if constant_time_compare(told["email"], email.lower()) else ""


def remember_device(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """They have just logged in here."""
    device = device_of(request, email) or secrets.token_hex(16)
    response.set_cookie(
        _cookie(email),
        signing.dumps({"email": email.lower(), "device": device}, salt=SALT),
        max_age=LASTS_S,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def _cookie(email: str) -> str:
    """One for each person at this device; its name tells nobody whose it is."""
    return f"device-{salted_hmac(SALT, email.lower(), algorithm='sha256').hexdigest()[:12]}"
