"""JSON endpoints of export and import."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, answer_anybody, json_body
from auth_app.stamps import stamp_of
from auth_app.transfer.section import Plain
from gatewaysite.responses import dump_json, json_response, stream_response
from gatewaysite.validation import validated
from proxy_app.transfer import schema, work
from proxy_app.transfer.bodies import (
    Choosing,
    CleanupParameters,
    ExportParameters,
    ImportPlan,
    ImportRequest,
    Selection,
    SelectiveParameters,
    parts_in,
)
from proxy_app.transfer.document import as_yaml, check_size, parse
from proxy_app.transfer.exporting import Choice, export_document, export_envelope
from proxy_app.transfer.history import work as history
from proxy_app.transfer.importing import AS_JOB_FROM, import_now
from proxy_app.transfer.reading import read_document
from proxy_app.transfer.sections import BY_NAME
from proxy_app.transfer.shapes import Asked
from proxy_app.transfer.telling import plan_of, progress_of


def export(request: HttpRequest) -> HttpResponse:
    """What there is, as a document."""

    def read(actor: Actor) -> HttpResponse:
        asked = validated(ExportParameters, request.GET.dict(), where="query")
        wanted = parts_in(asked.types) or list(BY_NAME)
        types = tuple(name for name in wanted if name not in parts_in(asked.exclude_types))
        return _exported(request, actor, asked, _choice(asked, types=types, tags=tuple(parts_in(asked.tags))))

    return answer(request, {"GET": read})


def selective(request: HttpRequest) -> HttpResponse:
    """Items by name."""

    def read(actor: Actor) -> HttpResponse:
        asked = validated(SelectiveParameters, request.GET.dict(), where="query")
        selections = validated(Selection, json_body(request)).model_dump(exclude_none=True)
        return _exported(request, actor, asked, _choice(asked, types=(), selections=selections))

    return answer(request, {"POST": read})


def imports(request: HttpRequest) -> HttpResponse:
    """Import a document, or only say what would become of it."""

    def take(actor: Actor) -> HttpResponse:
        work.require_import(actor)
        body = validated(ImportRequest, json_body(request))
        asked, stamp = _asked(body), stamp_of(request, actor)
        if body.dry_run:
            outcome = work.plan_import(actor, asked, stamp)
            return json_response(_status(history.keep_dry_run(actor, asked, outcome, stamp)))
        if asked.total >= AS_JOB_FROM and not body.selected_entities and history.may_wait(actor):
            text = dump_json(body.import_data).decode() if isinstance(body.import_data, dict) else body.import_data
            row = history.defer_import(actor, text, asked, stamp, fingerprint=body.fingerprint)
            return json_response(_status(row), status=202)
        row, _outcome = import_now(actor, asked, stamp, fingerprint=body.fingerprint)
        return json_response(_status(row))

    return answer(request, {"POST": take})


def plan(request: HttpRequest) -> HttpResponse:
    """What an import would do, member by member."""

    def look(actor: Actor) -> HttpResponse:
        work.require_import(actor)
        asked = _asked(validated(ImportPlan, json_body(request)))
        return json_response(plan_of(work.plan_import(actor, asked, stamp_of(request, actor))))

    return answer(request, {"POST": look})


def statuses(request: HttpRequest) -> HttpResponse:
    return answer(
        request, {"GET": lambda actor: json_response([_status(row) for row in history.list_transfers(actor)])}
    )


def status(request: HttpRequest, key: str) -> HttpResponse:
    def read(actor: Actor) -> HttpResponse:
        row = history.read_transfer(actor, key)
        return json_response(_status(row) | {"plan": row["plan"]})

    return answer(request, {"GET": read})


def cleanup(request: HttpRequest) -> HttpResponse:
    """Forget imports that are over."""

    def forget(actor: Actor) -> HttpResponse:
        asked = validated(CleanupParameters, request.GET.dict(), where="query")
        gone = history.clean_up(actor, stamp_of(request, actor), older_than=timedelta(hours=asked.max_age_hours))
        message = f"Cleaned up {gone} completed import statuses"
        return json_response({"status": "success", "message": message, "removed_count": gone})

    return answer(request, {"POST": forget})


def config_schema(request: HttpRequest) -> HttpResponse:
    """For editors, which log in nowhere. It says what may be written, and nothing of what is."""

    def read() -> HttpResponse:
        headers = {"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"}
        return json_response(schema.build(), headers=headers)

    return answer_anybody(request, {"GET": read})


def _choice(asked: Choosing, **more: Any) -> Choice:
    return Choice(
        include_inactive=asked.include_inactive,
        include_ids=asked.include_ids,
        include_dependencies=asked.include_dependencies,
        **more,
    )


def _exported(request: HttpRequest, actor: Actor, asked: Choosing, choice: Choice) -> HttpResponse:
    made = export_envelope(actor, choice) if asked.format == "envelope" else export_document(actor, choice)
    parts: Plain = made.get("entities", made)
    history.note_export(actor, stamp_of(request, actor), {name: len(parts[name]) for name in BY_NAME if name in parts})
    if asked.format != "yaml":
        return json_response(made)
    text = as_yaml(made, schema.schema_url()).encode()
    return stream_response(iter((text,)), content_type="application/yaml")  # type: ignore[return-value]


def _asked(body: ImportPlan) -> Asked:
    document = parse(body.import_data) if isinstance(body.import_data, str) else body.import_data
    check_size(document)
    return read_document(document, strategy=body.conflict_strategy, prune=body.prune, only=body.selected_entities)


def _status(row: Plain) -> Plain:
    return {
        "import_id": str(row["id"]),
        "status": row["status"],
        "progress": progress_of(row["counts"], row["total"]),
        "errors": row["errors"],
        "warnings": row["warnings"],
        "started_at": row["started_at"],
        "completed_at": row["finished_at"],
        "created_by": row["created_by"],
        "created_at": row["created_at"],
        "dry_run": row["dry_run"],
        "conflict_strategy": row["strategy"],
        "prune": row["prune"],
        "fingerprint": row["fingerprint"],
    }
