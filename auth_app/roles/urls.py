"""Where roles are managed."""

from django.urls import path

from auth_app.roles import api, pages

api_urlpatterns = [
    path("rbac/roles", api.roles, name="api-roles"),
    path("rbac/roles/<key>", api.role, name="api-roles-item"),
    path("rbac/users/<email>/roles", api.roles_of, name="api-roles-of"),
    path("rbac/users/<email>/roles/<key>", api.role_of, name="api-role-of"),
    path("rbac/my/roles", api.my_roles, name="api-my-roles"),
    path("rbac/my/permissions", api.my_permissions, name="api-my-permissions"),
    path("rbac/permissions/available", api.available, name="api-permissions"),
    path("rbac/permissions/user/<email>", api.permissions_of, name="api-permissions-of"),
]
page_urlpatterns = [
    path("admin/roles", pages.roles, name="page-roles"),
    path("admin/roles/new", pages.new, name="page-roles-new"),
    path("admin/roles/<key>", pages.role, name="page-roles-item"),
    path("admin/roles/<key>/delete", pages.delete, name="page-roles-delete"),
    path("admin/roles/<key>/give", pages.give, name="page-roles-give"),
    path("admin/roles/<key>/take", pages.take, name="page-roles-take"),
]
