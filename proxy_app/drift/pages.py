"""The page of what a gateway's server has changed: read, then approved or rejected, one by one or all that is shown."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from auth_app.current import actor_of
from auth_app.stamps import stamp_of
from gatewaysite.errors import BadInput
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated
from proxy_app.drift import work
from proxy_app.drift.data import Decision
from proxy_app.drift.showing import changes_context

ALL = "all"


@require_http_methods(["GET", "HEAD", "POST"])
def changes(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    if request.method != "POST":
        return render_page(request, "gateways/changes.html", changes_context(work.read_changes(actor, key)))
    approve = "approve" in request.POST
    which = request.POST.get("approve" if approve else "reject", "")
    if not which:
        raise BadInput("approve or reject must name a change, or all")
    ids = validated(Decision, {"ids": request.POST.getlist("shown") if which == ALL else [which]}).ids
    try:
        decided = work.decide(actor, key, ids, stamp_of(request, actor, via="ui"), approve=approve)
    except work.ChangeGone as gone:
        messages.error(request, gone.message, "warn")
    else:
        number = len(decided["decided"])
        words = "1 change was" if number == 1 else f"{number} changes were"
        messages.success(request, f"{words} {'approved' if approve else 'rejected'}.", "ok")
    return redirect_after(reverse("page-gateways-changes", args=[key]))
