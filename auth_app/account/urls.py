"""Where a program logs in, and where one's own account is."""

from django.urls import path

from auth_app.account import api

api_urlpatterns = [
    path("auth/login", api.login, name="api-login"),
    path("auth/logout", api.logout, name="api-logout"),
    path("auth/csrf-token", api.csrf_token, name="api-csrf-token"),
    path("auth/validate", api.validate, name="api-validate"),
    path("auth/email/login", api.email_login, name="api-email-login"),
    path("auth/email/register", api.register, name="api-register"),
    path("auth/email/change-password", api.change_password, name="api-change-password"),
    path("auth/email/forgot-password", api.forgot_password, name="api-forgot-password"),
    path("auth/email/reset-password/<key>", api.reset_password, name="api-reset-password"),
    path("auth/email/me", api.me, name="api-me"),
    path("auth/email/events", api.events, name="api-events"),
]
