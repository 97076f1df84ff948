"""The page of roots."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from auth_app.current import actor_of
from auth_app.forms import done, texts_of, with_errors
from auth_app.policy import may, require
from auth_app.stamps import stamp_of
from gatewaysite.controls import Field, Texts, control
from gatewaysite.errors import BadInput, Conflict
from gatewaysite.responses import render_page
from gatewaysite.validation import validated, values_of
from proxy_app.roots import work
from proxy_app.roots.bodies import RootCreate


@require_http_methods(["GET", "HEAD", "POST"])
def roots(request: HttpRequest) -> HttpResponse:
    """The list, and under it the form that adds one."""
    actor = actor_of(request)
    require(actor, "roots.read")
    if request.method != "POST":
        return _show(request, {})
    require(actor, "roots.create")
    texts = texts_of(request)
    try:
        values = values_of(validated(RootCreate, {name: texts[name] for name in ("uri", "name") if texts.get(name)}))
        work.create_root(values, stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        return _show(request, texts, error)
    return done(request, lambda: f"{texts['uri']} is a root now.", "page-roots")


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, "roots.delete")
    uri = request.POST.get("uri", "")

    def act() -> str:
        work.delete_root(uri, stamp_of(request, actor, via="ui"))
        return f"{uri} is no root any more."

    return done(request, act, "page-roots")


def _show(request: HttpRequest, texts: Texts, error: BadInput | Conflict | None = None) -> HttpResponse:
    actor = actor_of(request)
    fields, summary = with_errors(_fields(texts), error, clash="uri") if error else (_fields(texts), [])
    context = {
        "section": "roots",
        "rows": work.rows_of_roots(),
        "fields": fields,
        "errors": summary,
        "may_add": may(actor, "roots.create"),
        "may_remove": may(actor, "roots.delete"),
    }
    return render_page(request, "roots/list.html", context, status=error.status if error else 200)


def _fields(texts: Texts) -> list[Field]:
    schemes = " or ".join(f"{scheme}:" for scheme in settings.ROOT_ALLOWED_SCHEMES)
    return [
        control("uri", "URI", texts, required=True, placeholder="https://files.example.com/project",
                help=f"It begins with {schemes}."),
        control("name", "Name", texts),
    ]  # fmt: skip
