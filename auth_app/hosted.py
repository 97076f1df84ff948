"""Pages of ours around views of django-allauth: it decides, we show.

Its views answer with templates that are still to be rendered, over forms and rows. Here their context becomes plain
data and our own page, so that the rule holds for them as for all others: nothing is read while a page is made.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from gatewaysite.controls import Field, control
from gatewaysite.errors import RateLimited, spread
from gatewaysite.responses import render_page

type Context = Mapping[str, Any]
type View = Callable[..., HttpResponseBase]
# What of allauth's context a page shows, as plain data.
type Shown = Callable[[HttpRequest, Context], dict[str, Any]]

# Our words for allauth's controls.
LABELS = {
    "login": "E-mail",
    "email": "E-mail",
    "oldpassword": "Present password",
    "password1": "New password",
    "password2": "New password again",
}
# Found wrong by allauth's limits rather than by its rules: the time to come back after, in seconds.
TOO_MANY = {"too_many_login_attempts": 60, "rate_limited": 60}


def hosted(view: View, template: str, shown: Shown) -> View:
    """The view, with a page of ours. A form with errors is 422, or 429 when there were too many attempts."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def page(request: HttpRequest, **values: Any) -> HttpResponseBase:
        response = view(request, **values)
        if response.status_code == 429:
            raise RateLimited("Too many attempts; try again in a minute.", retry_after_s=60)
        if isinstance(response, TemplateResponse) and not response.is_rendered:
            return _shown(request, response, template, shown)
        if isinstance(response, HttpResponseRedirect) and request.method == "POST":
            response.status_code = 303
        return response

    return page


def _shown(request: HttpRequest, response: TemplateResponse, template: str, shown: Shown) -> HttpResponse:
    context: Context = response.context_data or {}
    form = context.get("form")
    status, headers = _outcome(form) if form is not None and form.is_bound else (response.status_code, {})
    page = render_page(request, template, shown(request, context), status=status)
    page.cookies.update(response.cookies)
    own = {name: value for name, value in response.items() if name != "Content-Type"}
    for name, value in (own | headers).items():
        page[name] = value
    return page


def _outcome(form: BaseForm) -> tuple[int, dict[str, str]]:
    codes = {error.code for errors in form.errors.as_data().values() for error in errors}
    waits = [TOO_MANY[code] for code in codes if code in TOO_MANY]
    if waits:
        return 429, {"Retry-After": str(spread(max(waits)))}
    return (422 if codes else 200), {}


def errors_of(form: BaseForm) -> list[dict[str, str]]:
    """For error_summary.html: what is wrong, and with which control."""
    return [
        {"id": name if name in form.fields else "", "label": _label(form, name), "message": str(message)}
        for name, messages in form.errors.items()
        for message in messages
    ]


def fields_of(form: BaseForm, **more: Field) -> list[Field]:
    """The form's controls as plain dicts. `more` says of some what allauth does not: {"password": {"help": ...}}.

    What was typed as a password is not shown again.
    """
    return [_field(form, name) | more.get(name, {}) for name in form.fields]


def _field(form: BaseForm, name: str) -> Field:
    field, bound = form.fields[name], form[name]
    kind = getattr(field.widget, "input_type", "text")
    typed = "" if kind == "password" else str(bound.value() or "")
    return control(
        name,
        _label(form, name),
        {name: typed},
        "check" if kind == "checkbox" else kind,
        required=field.required,
        autocomplete=field.widget.attrs.get("autocomplete", "off"),
        error=" ".join(str(error) for error in form.errors.get(name, [])),
    )


def _label(form: BaseForm, name: str) -> str:
    field = form.fields.get(name)
    return LABELS.get(name) or str(field.label or name) if field else ""
