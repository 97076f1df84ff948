"""One credential per request: with an Authorization header, cookies neither authenticate nor need a CSRF token."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase


def credential(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """CSRF protects against requests a browser makes by itself, and a browser adds no Authorization header."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "Authorization" in request.headers:
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return get_response(request)

    return middleware
