"""Signing in and out. django-allauth knows its pages by names of its own."""

from django.urls import path, re_path

from auth_app.login import pages

urlpatterns = [
    path("login", pages.login, name="login"),
    path("login", pages.login, name="account_login"),
    path("logout", pages.logout, name="logout"),
    path("login/forgot", pages.forgot, name="account_reset_password"),
    path("login/forgot/sent", pages.forgot_done, name="account_reset_password_done"),
    re_path(
        r"^login/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[0-9A-Za-z-]+)$",
        pages.reset,
        name="account_reset_password_from_key",
    ),
    path("login/reset/done", pages.reset_done, name="account_reset_password_from_key_done"),
    path("login/sign-up", pages.sign_up, name="account_signup"),
    path("login/verify", pages.verification_sent, name="account_email_verification_sent"),
    path("login/verified", pages.verified, name="page-verified"),
    path("login/verify/<key>", pages.verify, name="account_confirm_email"),
    # Whoever is switched off reads what everybody reads who is wrong.
    path("login", pages.login, name="account_inactive"),
]
