"""The pages of attestations: those there are, one in full, and starting one. For administrators."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from auth_app.current import actor_of
from auth_app.stamps import stamp_of
from gatewaysite.errors import BadInput, NotFound
from gatewaysite.responses import json_response, redirect_after, render_page
from proxy_app.observe.attest import work
from proxy_app.observe.attest.shown import length, report_context, row_of
from proxy_app.observe.attest.signing import public_key

LENGTHS_S = (60, 300, 900)
COMMAND = "python manage.py gateway attest --minutes 5"
COMMANDS = (
    {"where": "In the gateway's container, or with its environment:", "command": COMMAND},
    {
        "where": "Beside make run:",
        "command": f".venv/bin/python -m gatewaysite.embedded .venv/bin/{COMMAND}",
    },
)

Plain = dict[str, Any]


@require_safe
def attestations(request: HttpRequest) -> HttpResponse:
    rows = [row_of(row) for row in work.recent(actor_of(request))]
    running = next((row for row in rows if row["open"]), None)
    context = _frame() | {
        "rows": rows,
        "running": running["key"] if running else "",
        "lengths": [{"seconds": seconds, "words": length(seconds)} for seconds in LENGTHS_S],
        "key": public_key(),
        "commands": COMMANDS,
    }
    return render_page(request, "attestations/list.html", context)


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin one, and go to its page; when one runs already, to that one's."""
    actor = actor_of(request)
    wanted = request.POST.get("seconds", "")
    if wanted not in {str(seconds) for seconds in LENGTHS_S}:
        raise BadInput(f"seconds must be one of {', '.join(map(str, LENGTHS_S))}")
    try:
        row = work.start(actor, int(wanted), stamp_of(request, actor, via="ui"))
    except work.AlreadyRunning as running:
        messages.error(request, running.message, "warn")
        return redirect_after("page-attestations")
    return redirect_after("page-attestations-item", row["id"].hex)


@require_safe
def attestation(request: HttpRequest, key: str) -> HttpResponse:
    found = work.read(actor_of(request), key)
    context = _frame() | _item(found)
    if found["document"]:
        context |= report_context(found["document"]) | {"ours": _is_ours(found["document"])}
    return render_page(request, "attestations/report.html", context)


@require_safe
def progress(request: HttpRequest, key: str) -> HttpResponse:
    """How far a running one is. When it is done, the page around it reloads."""
    found = work.read(actor_of(request), key)
    response = render_page(request, "attestations/progress.html", _item(found))
    if found["status"] not in ("waiting", "running"):
        response["HX-Refresh"] = "true"
    return response


@require_safe
def download(request: HttpRequest, key: str) -> HttpResponse:
    """The signed report as a file, as `gateway attest --verify` takes it."""
    found = work.read(actor_of(request), key)
    if not found["document"]:
        raise NotFound
    name = f"attestation-{found['created_at']:%Y%m%d-%H%M}-{found['id'].hex[:8]}.json"
    return json_response(found["document"], headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _frame() -> Plain:
    return {"section": "attestations"}


def _item(found: Plain) -> Plain:
    return {"item": row_of(found), "url": reverse("page-attestations-item", args=[found["id"].hex])}


def _is_ours(document: Plain) -> bool:
    return bool(document["signature"]["public_key"] == public_key())
