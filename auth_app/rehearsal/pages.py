"""The page of a role's rehearsal: what it would permit, and what that would change for whom."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from auth_app.current import actor_of
from auth_app.forms import Plain, texts_of, with_errors
from auth_app.rehearsal import work
from auth_app.rehearsal.bodies import RehearsalStart
from auth_app.stamps import stamp_of
from gatewaysite.controls import Field, choices, control
from gatewaysite.errors import BadInput
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated

HOURS = (("1", "an hour"), ("8", "8 hours"), ("24", "a day"), ("168", "a week"))


@require_http_methods(["GET", "HEAD", "POST"])
def rehearsal(request: HttpRequest, key: str) -> HttpResponse:
    """What there is to say, and the form to begin."""
    actor = actor_of(request)
    if request.method != "POST":
        return _page(request, key)
    texts = texts_of(request)
    body = {"permissions": texts.get("permissions", "").split(), "hours": texts.get("hours", "")}
    try:
        work.rehearse(actor, key, validated(RehearsalStart, body), stamp_of(request, actor, via="ui"))
    except BadInput as error:
        return _page(request, key, texts, error)
    messages.success(request, "The rehearsal has begun: both are decided by, and only the role as it is counts.", "ok")
    return redirect_after("page-roles-rehearsal", key)


@require_POST
def promote(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    told = work.promote(actor, key, stamp_of(request, actor, via="ui"))
    messages.success(request, f"{told['role']} is now what was rehearsed.", "ok")
    return redirect_after("page-roles-rehearsal", key)


@require_POST
def discard(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    work.discard(actor, key, stamp_of(request, actor, via="ui"))
    messages.success(request, "The rehearsal is over, and nothing was changed.", "ok")
    return redirect_after("page-roles-rehearsal", key)


def _page(
    request: HttpRequest, key: str, texts: dict[str, str] | None = None, error: BadInput | None = None
) -> HttpResponse:
    role, found = work.read_role(actor_of(request), key)
    wanted = found["rehearsed"] if found else role["permissions"]
    fields = _fields(texts or {"permissions": "\n".join(wanted), "hours": "24"})
    errors: list[Plain] = []
    if error:
        fields, errors = with_errors(fields, error)
    context: Plain = {
        "section": "roles",
        "role": role,
        "rehearsal": dict(found) if found else None,
        "fields": fields,
        "errors": errors,
    }
    return render_page(request, "rehearsal/role.html", context, status=422 if error else 200)


def _fields(texts: dict[str, str]) -> list[Field]:
    return [
        control("permissions", "Would permit", texts, "lines", required=True,
                help="One in a line, by name or pattern: tools.execute, tools.*, *.read."),
        control("hours", "For", texts, "select", required=True, choices=choices(HOURS)),
    ]  # fmt: skip
