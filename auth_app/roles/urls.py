"""Where roles are managed."""

from django.urls import path

from auth_app.roles import api

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
