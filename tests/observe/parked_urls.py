"""The real views, and some that park: they keep a connection until RUN_DIR has a file named `leave`."""

import time

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from gatewaysite.context import Phase
from gatewaysite.phases import during
from gatewaysite.urls import handler400, handler403, handler404, handler500
from gatewaysite.urls import urlpatterns as real_urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500"]

AT_MOST_S = 60


def idle(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        park()
    return HttpResponse("gone on")


def statement(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s), 'a secret value'", [float(request.GET.get("s", "3"))])
    return HttpResponse("gone on")


def rendering(request: HttpRequest) -> HttpResponse:
    # Raising would end it before anybody could see it.
    with override_settings(GUARD_MODE="count"), transaction.atomic(), during(Phase.RENDER):
        wait_until_told_to_leave()
    return HttpResponse("gone on")


def park() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM auth_app_user WHERE email = 'somebody@example.com'")
    wait_until_told_to_leave()


def wait_until_told_to_leave() -> None:
    give_up_at = time.monotonic() + AT_MOST_S
    while time.monotonic() < give_up_at and not (settings.RUN_DIR / "leave").exists():
        time.sleep(0.02)


urlpatterns = [
    path("parked/idle", idle, name="parked-idle"),
    path("parked/statement", statement, name="parked-statement"),
    path("parked/rendering", rendering, name="parked-rendering"),
    *real_urlpatterns,
]
