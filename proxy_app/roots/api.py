"""JSON endpoints of roots."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.policy import require
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import validated, values_of
from proxy_app.registry.query import single_values
from proxy_app.roots import work
from proxy_app.roots.bodies import ExportParameters, RootCreate, RootUpdate


def roots(request: HttpRequest) -> HttpResponse:
    """The list, and adding to it."""

    def list_them(actor: Actor) -> HttpResponse:
        require(actor, "roots.read")
        return json_response(work.list_roots())

    def add(actor: Actor) -> HttpResponse:
        require(actor, "roots.create")
        values = values_of(validated(RootCreate, json_body(request)))
        return json_response(work.create_root(values, stamp_of(request, actor)), status=201)

    return answer(request, {"GET": list_them, "POST": add})


def one_root(request: HttpRequest, root: str) -> HttpResponse:
    """One root: read, renamed, removed."""

    def read(actor: Actor) -> HttpResponse:
        require(actor, "roots.read")
        return json_response(work.read_root(root))

    def change(actor: Actor) -> HttpResponse:
        require(actor, "roots.update")
        values = values_of(validated(RootUpdate, json_body(request)))
        return json_response(work.update_root(root, values, stamp_of(request, actor)))

    def delete(actor: Actor) -> HttpResponse:
        require(actor, "roots.delete")
        work.delete_root(root, stamp_of(request, actor))
        return json_response({"status": "success", "message": "Root removed"})

    return answer(request, {"GET": read, "PUT": change, "DELETE": delete})


def export(request: HttpRequest) -> HttpResponse:
    """One root, as the existing system writes it into a file."""

    def read(actor: Actor) -> HttpResponse:
        require(actor, "roots.read")
        found = work.read_root(validated(ExportParameters, single_values(request.GET), where="query").uri)
        return json_response(
            {
                "exported_at": timezone.now(),
                "exported_by": actor.email,
                "export_type": "root",
                "version": "1.0",
                "root": {"uri": found["uri"], "name": found["name"]},
            }
        )

    return answer(request, {"GET": read})
