"""Where people are administered."""

from django.urls import path

from auth_app.people import api, pages

api_urlpatterns = [
    path("auth/email/admin/users", api.users, name="api-users"),
    path("auth/email/admin/users/<key>", api.user, name="api-users-item"),
    path("auth/email/admin/users/<key>/unlock", api.unlock, name="api-users-unlock"),
    path("auth/email/admin/events", api.events, name="api-users-events"),
]
page_urlpatterns = [
    path("admin/users", pages.people, name="page-users"),
    path("admin/users/new", pages.new, name="page-users-new"),
    path("admin/users/<key>", pages.person, name="page-users-item"),
    path("admin/users/<key>/delete", pages.delete, name="page-users-delete"),
    path("admin/users/<key>/<action>", pages.act, name="page-users-act"),
]
