"""The control plane's own middleware: the request's identity, and the one translation of errors."""

import logging
import random
import re
from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode

from gatewaysite.context import UNRESOLVED, RequestContext, current
from gatewaysite.db.failures import as_refusal
from gatewaysite.errors import Denied, GatewayError, NotFound, NotSignedIn
from gatewaysite.responses import (
    error_body,
    error_headers,
    json_response,
    redirect_after,
    render_page,
    wants_page,
)
from gatewaysite.signals import refused, turned_away

GetResponse = Callable[[HttpRequest], HttpResponseBase]
REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
log = logging.getLogger(__name__)


def request_id_from(header: str | None) -> str:
    """The caller's X-Request-Id when it is one we would write into a log, else our own."""
    if header and REQUEST_ID.fullmatch(header):
        return header
    # Unique is enough, and asking the kernel for randomness lets go of the interpreter in the middle of every request.
    return f"{random.getrandbits(128):032x}"


def request_context(get_response: GetResponse) -> GetResponse:
    """Give the request its id, in the context, in every log line and on the answer."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request_id = request_id_from(request.headers.get("X-Request-Id"))
        request.request_id = request_id  # type: ignore[attr-defined]
        context = RequestContext(request_id=request_id, route=UNRESOLVED)
        token = current.set(context)
        try:
            response = get_response(request)
        finally:
            current.reset(token)
        response["X-Request-Id"] = request_id
        if response.streaming:
            response.request_context = context  # type: ignore[attr-defined]  # its chunks are still to be made
        return response

    return middleware


class TranslateErrors:
    """Every error of a view becomes an answer here, and nowhere else."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        """The route is known from here on: its name, never the raw path, labels logs, ledger and metrics.

        Nothing has a NUL in its name or id, and PostgreSQL takes none, not even to look for it.
        """
        if (match := request.resolver_match) and (context := current.get()):
            context.route = match.view_name
        return answer_error(request, NotFound()) if "\0" in request.path else None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        known = translate(error)
        return answer_error(request, known) if known else None


def translate(error: BaseException) -> GatewayError | None:
    """The gateway's own word for an exception, or None for one that is a bug."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, PermissionDenied):
        return Denied()
    return as_refusal(error)


def answer_error(request: HttpRequest, error: GatewayError) -> HttpResponse:
    """The error as a page or as JSON, by its route."""
    if error.reason:
        refused.send(sender=type(error), error=error)
    if isinstance(error, Denied | NotFound):
        turned_away.send(sender=type(error), request=request, error=error)
    if error.status >= 500:
        log.warning("request refused", extra={"code": error.code, "reason": error.reason, "path": request.path})
    if not wants_page(request.path):
        return json_response(error_body(error), status=error.status, headers=error_headers(error))
    if isinstance(error, NotSignedIn):
        return redirect_after(f"{reverse('login')}?{urlencode({'next': request.get_full_path()})}")
    if error.put_right_at:
        return redirect_after(error.put_right_at)
    response = render_page(request, "error.html", {"error": error_body(error)}, status=error.status)
    for name, value in error_headers(error).items():
        response[name] = value
    return response
