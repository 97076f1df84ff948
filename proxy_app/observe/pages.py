"""The pages an operator looks at while something is wrong. They are made from memory."""

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from auth_app.policy import may_administer
from auth_app.recognition import recognised, remember
from gatewaysite.errors import Denied
from gatewaysite.responses import render_page
from proxy_app.observe.board import board
from proxy_app.observe.showing import connections_context
from proxy_app.observe.xray import merged


@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    """Who holds and who waits for a database connection now; for htmx only the part that changes."""
    if not may_administer(recognised(request)):
        raise Denied("Access denied: only administrators may see who holds the connections")
    context = connections_context(merged(board.parts())) | {"section": "connections"}
    template = "connections/connections.html"
    wanted = f"{template}#live" if request.headers.get("HX-Request") else template
    response = render_page(request, wanted, context)
    patch_vary_headers(response, ["HX-Request"])
    remember(request, response)
    return response
