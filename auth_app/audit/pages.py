"""The pages of the audit: what happened, and one entry with what it changed."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from auth_app.audit import showing, work
from auth_app.audit.bodies import AuditParameters
from auth_app.current import actor_of
from auth_app.decisions.bodies import plain_texts
from auth_app.decisions.choosers import kind_chooser
from auth_app.decisions.reading import may_audit
from gatewaysite import listing
from gatewaysite.responses import render_page
from gatewaysite.validation import validated


@require_safe
def entries(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    asked = validated(AuditParameters, _texts(request), where="query")
    found, cursor = work.list_entries(actor, asked, limit=asked.limit, cursor=asked.cursor)
    get = request.GET
    narrowed = bool(asked.model_dump(exclude_defaults=True, exclude={"limit", "cursor"}))
    context: dict[str, Any] = {
        "section": "audit",
        "title": "Audit",
        "filters": listing.filters(
            "Search the audit",
            get,
            search=asked.search,
            active=narrowed,
            chips=showing.chips(asked, get),
            choosers=[kind_chooser("kind", asked.kind)],
            placeholder="Who, what, which item",
        ),
        "table": showing.entries_table(found),
        "steps": listing.steps(get, here=asked.cursor, older=cursor),
        "csv": f"/audit/export{listing.address(get, cursor=None, limit=None, format='csv')}",
        "ndjson": f"/audit/export{listing.address(get, cursor=None, limit=None, format='ndjson')}",
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
