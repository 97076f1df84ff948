"""One credential per request: with an Authorization header, cookies neither authenticate nor need a CSRF token."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from gatewaysite.responses import wants_page


def credential(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """CSRF protects against requests a browser makes by itself, and a browser adds no Authorization header.

    A JSON request with no credential at all has nothing to protect: it gets its 401, not a word about CSRF.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        anonymous = settings.SESSION_COOKIE_NAME not in request.COOKIES and not wants_page(request.path)
        if anonymous or "Authorization" in request.headers:
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return get_response(request)

    return middleware
