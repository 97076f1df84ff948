"""Where attestations are: their pages, and their JSON endpoints."""

from django.urls import URLPattern, path

from proxy_app.observe.attest import api, pages

urlpatterns: list[URLPattern] = [
    path("ops/attestations", api.attestations, name="api-attestations"),
    path("ops/attestations/<key>", api.attestation, name="api-attestations-item"),
    path("admin/attestations", pages.attestations, name="page-attestations"),
    path("admin/attestations/start", pages.start, name="page-attestations-start"),
    path("admin/attestations/<str:key>", pages.attestation, name="page-attestations-item"),
    path("admin/attestations/<str:key>/progress", pages.progress, name="page-attestations-progress"),
    path("admin/attestations/<str:key>/report.json", pages.download, name="page-attestations-download"),
]
