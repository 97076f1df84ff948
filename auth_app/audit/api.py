"""JSON endpoints of the audit."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.audit import exporting, work
from auth_app.audit.bodies import AuditFilters, AuditParameters, ExportParameters
from auth_app.endpoints import answer
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response, stream_units
from gatewaysite.validation import validated

TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


def entries(request: HttpRequest) -> HttpResponse:
    """What happened, newest first."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(AuditParameters, request.GET.dict(), where="query")
        found, cursor = work.list_entries(actor, asked, limit=asked.limit, cursor=asked.cursor)
        return json_response({"entries": found, "nextCursor": cursor})

    return answer(request, {"GET": list_them})


def export(request: HttpRequest) -> HttpResponse:
    """The same as a file of any length."""

    def send(actor: Actor) -> HttpResponse:
        asked = validated(ExportParameters, request.GET.dict(), where="query")
        return as_file(request, actor, asked, asked.format)  # type: ignore[return-value]

    return answer(request, {"GET": send})


def as_file(request: HttpRequest, actor: Actor, asked: AuditFilters, form: str) -> HttpResponseBase:
    """Refuses whoever may not before anything is sent, and notes who took it."""
    asked = asked.model_copy(update={"until": asked.until or timezone.now()})
    told = asked.model_dump(mode="json", exclude_defaults=True) | {"format": form}
    work.begin_export(actor, stamp_of(request, actor), told)
    head, writing = (exporting.csv_head(), exporting.as_csv) if form == "csv" else (b"", exporting.as_ndjson)
    made = exporting.chunks(actor, asked, writing, head)
    return stream_units(made, content_type=TYPES[form], filename=f"audit-{asked.until:%Y%m%d-%H%M}.{form}")
