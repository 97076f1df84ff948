"""Where the pages are."""

from django.urls import URLPattern, path

from proxy_app.registry import bulk_pages, pages
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import KINDS


def page_patterns_of(kind: Kind) -> list[URLPattern]:
    """The pages that every kind has."""
    given, folder, name = {"kind": kind}, f"admin/{kind.slug}", f"page-{kind.slug}"
    return [
        path(f"{folder}/new", pages.new, given, name=f"{name}-new"),
        path(folder, pages.table, given, name=name),
        path(f"{folder}/bulk", bulk_pages.bulk, given, name=f"{name}-bulk"),
        path(f"{folder}/<str:key>", pages.detail, given, name=f"{name}-item"),
        path(f"{folder}/<str:key>/edit", pages.edit, given, name=f"{name}-edit"),
        path(f"{folder}/<str:key>/state", pages.state, given, name=f"{name}-state"),
        path(f"{folder}/<str:key>/delete", pages.delete, given, name=f"{name}-delete"),
        *(_asking(given, folder, name) if kind.refresh else ()),
    ]


def _asking(given: dict[str, Kind], folder: str, name: str) -> list[URLPattern]:
    """And those of what is asked who it is."""
    return [
        path(f"{folder}/<str:key>/refresh", pages.refresh, given, name=f"{name}-refresh"),
        path(f"{folder}/<str:key>/progress", pages.progress, given, name=f"{name}-progress"),
    ]


urlpatterns: list[URLPattern] = [
    path("admin/agents/<str:key>/tell", pages.tell, name="page-agents-tell"),
    path("admin/tools/<str:key>/call", pages.call, name="page-tools-call"),
    path("admin/routes/<str:key>/try", pages.attempt, name="page-routes-try"),
    *(pattern for kind in KINDS for pattern in page_patterns_of(kind)),
]
