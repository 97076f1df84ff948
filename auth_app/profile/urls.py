"""Where one's own account is."""

from django.urls import path

from auth_app.profile import pages

page_urlpatterns = [
    path("admin/profile", pages.profile, name="page-profile"),
    path("admin/profile/password", pages.password, name="account_change_password"),
    path("admin/profile/password/set", pages.set_password, name="account_set_password"),
    path("admin/profile/email", pages.email, name="account_email"),
    path("admin/profile/sessions", pages.sessions, name="page-sessions"),
    path("admin/profile/sessions/end-others", pages.end_other_sessions, name="page-sessions-end-others"),
    path("admin/profile/sessions/<int:key>/end", pages.end_session, name="page-sessions-end"),
]
