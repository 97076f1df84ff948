"""Where second factors are asked for, set up and reset. django-allauth knows its pages by names of its own."""

from django.urls import path

from auth_app.second_factor import api, pages

OWN = "admin/profile/second-factor"
AGAIN = "admin/profile/confirm"

api_urlpatterns = [
    path("auth/email/admin/users/<email>/second-factor", api.second_factor, name="api-second-factor"),
]
page_urlpatterns = [
    path("login/second-factor", pages.at_login, name="mfa_authenticate"),
    path("login/passkey", pages.passkey_login, name="mfa_login_webauthn"),
    path(OWN, pages.index, name="mfa_index"),
    path(OWN, pages.index, name="mfa_list_webauthn"),
    path(f"{OWN}/app", pages.app, name="mfa_activate_totp"),
    path(f"{OWN}/app/remove", pages.remove_app, name="mfa_deactivate_totp"),
    path(f"{OWN}/codes", pages.recovery_codes, name="mfa_view_recovery_codes"),
    path(f"{OWN}/codes/new", pages.new_codes, name="mfa_generate_recovery_codes"),
    path(f"{OWN}/passkeys/new", pages.passkey, name="mfa_add_webauthn"),
    path(f"{OWN}/passkeys/<int:pk>/remove", pages.remove_passkey, name="mfa_remove_webauthn"),
    path(AGAIN, pages.confirm, name="account_reauthenticate"),
    path(f"{AGAIN}/code", pages.confirm_by_code, name="mfa_reauthenticate"),
    path(f"{AGAIN}/passkey", pages.confirm_by_passkey, name="mfa_reauthenticate_webauthn"),
    path("admin/second-factors", pages.everybody, name="page-second-factors"),
    path("admin/second-factors/<key>/reset", pages.reset, name="page-second-factors-reset"),
]
