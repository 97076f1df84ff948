"""Where the configuration is exported and imported."""

from django.urls import path

from proxy_app.transfer import api, pages

api_urlpatterns = [
    path("export", api.export, name="api-export"),
    path("export/selective", api.selective, name="api-export-selective"),
    path("import", api.imports, name="api-import"),
    path("import/plan", api.plan, name="api-import-plan"),
    path("import/status", api.statuses, name="api-import-statuses"),
    path("import/status/<key>", api.status, name="api-import-status"),
    path("import/cleanup", api.cleanup, name="api-import-cleanup"),
    path("schema/config.json", api.config_schema, name="api-config-schema"),
]
page_urlpatterns = [
    path("admin/transfer", pages.transfer, name="page-transfer"),
    path("admin/transfer/export", pages.export, name="page-transfer-export"),
    path("admin/transfer/plan", pages.plan, name="page-transfer-plan"),
    path("admin/transfer/<key>", pages.item, name="page-transfer-item"),
    path("admin/transfer/<key>/apply", pages.apply, name="page-transfer-apply"),
    path("admin/transfer/<key>/progress", pages.progress, name="page-transfer-progress"),
]
