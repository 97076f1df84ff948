"""Where contents are read and prompts are rendered. The JSON ones are tried before the registry's."""

from django.urls import path

from proxy_app.content import api, pages

api_urlpatterns = [
    path("resources/templates/list", api.templates, name="api-resources-templates"),
    path("resources/test/<path:key>", api.tested, name="api-resources-test"),
    path("resources/<key>/content", api.content, name="api-resources-content"),
    path("prompts/<key>", api.prompt, name="api-prompts-item"),
    path("prompts/<key>/versions", api.versions, name="api-prompts-versions"),
    path("prompts/<key>/versions/<int:number>/restore", api.restore, name="api-prompts-restore"),
]
page_urlpatterns = [
    path("admin/resources/<str:key>/read", pages.read, name="page-resources-read"),
    path("admin/prompts/<str:key>/render", pages.render, name="page-prompts-render"),
    path("admin/prompts/<str:key>/versions/<int:number>/restore", pages.restore, name="page-prompts-restore"),
]
