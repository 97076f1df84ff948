"""What Django calls when an error happened outside a view: an unknown path, a bad request, a bug."""

import logging
import sys

from django.http import HttpRequest, HttpResponse

from gatewaysite.errors import BadBody, Denied, GatewayError, NotFound, RateLimited, spread
from gatewaysite.middleware import answer_error, translate
from gatewaysite.responses import plain_error

log = logging.getLogger(__name__)


class InternalError(GatewayError):
    """Something went wrong on our side; the request id helps to find it in the log."""

    status, code = 500, "internal_error"


class CsrfFailed(Denied):
    """The form's security token was missing or too old; reload the page and try again."""

    code = "csrf_failed"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer_error(request, BadBody("Bad request"))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer_error(request, Denied())


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer_error(request, NotFound())


def too_many_requests(request: HttpRequest) -> HttpResponse:
    return answer_error(request, RateLimited(retry_after_s=spread(60)))


def server_error(request: HttpRequest) -> HttpResponse:
    """Also reached by database trouble met in a middleware, which is 503 like everywhere else."""
    error = sys.exception()
    known = translate(error) if error else None
    try:
        return answer_error(request, known or InternalError())
    except Exception:
        # The page for errors cannot be rendered either. Django would call this view for that error too, for ever.
        log.exception("the error page failed")
        return plain_error(InternalError(), request.path)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return answer_error(request, CsrfFailed())
