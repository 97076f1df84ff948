"""Where that is of servers which no other kind has."""

from django.urls import path

from proxy_app.servers import api, pages

api_urlpatterns = [path("servers/<key>/connect", api.connect, name="api-servers-connect")]
page_urlpatterns = [
    path("admin/servers/<str:key>/members", pages.members, name="page-servers-members"),
    path("admin/servers/<str:key>/connect", pages.connect, name="page-servers-connect"),
]
