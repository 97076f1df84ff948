"""The pages of the audit: what happened, and one entry with what it changed."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from auth_app.audit import showing, work
from auth_app.audit.bodies import AuditParameters
from auth_app.current import actor_of
from auth_app.decisions.bodies import plain_texts
from auth_app.decisions.reading import may_audit
from gatewaysite.responses import render_page
from gatewaysite.validation import validated


@require_safe
def entries(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    asked = validated(AuditParameters, _texts(request), where="query")
    found, cursor = work.list_entries(actor, asked, limit=asked.limit, cursor=asked.cursor)
    kept = {name: value for name, value in request.GET.items() if name not in {"search", "cursor"} and value}
    context: dict[str, Any] = {
        "section": "audit",
        "rows": [showing.row(entry) for entry in found],
        "search": asked.search,
        "kept": sorted(kept.items()),
        "narrowed": bool(asked.model_dump(exclude_defaults=True, exclude={"limit", "cursor"})),
        "chips": showing.chips(asked, request.GET),
        "newest": showing.address(request.GET, cursor=None) if asked.cursor else "",
        "older": showing.address(request.GET, cursor=cursor) if cursor else "",
        "csv": f"/audit/export{showing.address(request.GET, cursor=None, limit=None, format='csv')}",
        "ndjson": f"/audit/export{showing.address(request.GET, cursor=None, limit=None, format='ndjson')}",
        "everything": may_audit(actor),
    }
    return render_page(request, "audit/list.html", context)


@require_safe
def entry(request: HttpRequest, key: int) -> HttpResponse:
    found = work.read_entry(actor_of(request), str(key))
    context = {
        "section": "audit",
        "row": showing.row(found),
        "object_id": found["object_id"],
        "request_id": found["request_id"],
        "differences": showing.differences(found["changes"]),
        "decision": found["changes"].get("decision", ""),
    }
    return render_page(request, "audit/entry.html", context)


def _texts(request: HttpRequest) -> dict[str, str]:
    """`?mine` alone says it, too."""
    return plain_texts(request.GET) | ({"mine": "true"} if "mine" in request.GET else {})
