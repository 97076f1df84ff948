"""Where tools of REST APIs are previewed and imported. In front of the registry's own paths, which would take them."""

from django.urls import path

from proxy_app.rest import api, pages

api_urlpatterns = [
    path("tools/import-openapi", api.import_openapi, name="api-tools-import"),
    path("tools/generate-schemas-from-openapi", api.schemas, name="api-tools-schemas"),
    path("tools/preview/<key>", api.preview, name="api-tools-preview"),
]
page_urlpatterns = [path("admin/tools/import", pages.import_page, name="page-tools-import")]
