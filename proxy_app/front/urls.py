"""Where the pages are that people see first."""

from django.urls import URLPattern, path

from proxy_app.front import overview, start

urlpatterns: list[URLPattern] = [
    path("", overview.home, name="home"),
    path("admin", overview.overview, name="overview"),
    path("admin/start", start.start, name="page-start"),
    path("admin/start/done", start.done, name="page-start-done"),
    path("admin/theme", overview.theme, name="theme"),
]
