"""Where the catalogue is."""

from django.urls import path

from proxy_app.catalogue import api, pages

api_urlpatterns = [
    path("catalog", api.catalog, name="api-catalog"),
    path("catalog/<str:key>/register", api.register, name="api-catalog-register"),
]
page_urlpatterns = [
    path("admin/catalogue", pages.catalogue, name="page-catalogue"),
    path("admin/catalogue-registry", pages.read, name="page-catalogue-registry"),
    path("admin/catalogue/<str:key>", pages.register, name="page-catalogue-item"),
]
