"""Where the pages for operators are."""

from django.urls import URLPattern, path

from proxy_app.observe import pages

urlpatterns: list[URLPattern] = [
    path("admin/connections", pages.connections, name="page-connections"),
    path("admin/upstreams", pages.upstreams, name="page-upstreams"),
    path("admin/upstreams/<key>", pages.upstream, name="page-upstream"),
    path("admin/upstreams/<key>/recreate", pages.recreate_upstream, name="page-upstream-recreate"),
]
