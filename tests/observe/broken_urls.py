"""The real views, but the list of servers rests in its transaction, as if it asked somebody else meanwhile."""

import time

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from gatewaysite.urls import handler400, handler403, handler404, handler500
from gatewaysite.urls import urlpatterns as real_urlpatterns
from proxy_app.models import Server

__all__ = ["handler400", "handler403", "handler404", "handler500"]

RESTS_S = 0.4


def servers(request: HttpRequest) -> HttpResponse:
    if request.method != "GET":
        return real_servers(request)
    with transaction.atomic():
        count = Server.objects.count()
        time.sleep(RESTS_S)
    return JsonResponse({"servers": count})


def real_servers(request: HttpRequest) -> HttpResponse:
    from proxy_app.registry.api import collection
    from proxy_app.registry.kinds import SERVERS

    return collection(request, SERVERS)


urlpatterns = [path("servers", servers, name="broken-servers"), *real_urlpatterns]
