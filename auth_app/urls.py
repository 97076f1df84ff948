"""The map of this app: JSON endpoints, which are served below /v1 as well, and pages."""

from auth_app.account.urls import api_urlpatterns as account
from auth_app.audit import urls as audit
from auth_app.decisions import urls as decisions
from auth_app.login.urls import urlpatterns as login_urls
from auth_app.oauth import urls as oauth
from auth_app.people import urls as people
from auth_app.profile.urls import page_urlpatterns as profile
from auth_app.rehearsal import urls as rehearsal
from auth_app.roles import urls as roles
from auth_app.second_factor import urls as second_factor
from auth_app.sso import urls as sso
from auth_app.teams import urls as teams
from auth_app.tokens import urls as tokens

api_urlpatterns = [
    *account,
    *people.api_urlpatterns,
    *tokens.api_urlpatterns,
    *teams.api_urlpatterns,
    *roles.api_urlpatterns,
    *oauth.api_urlpatterns,
    *decisions.api_urlpatterns,
    *audit.api_urlpatterns,
    *rehearsal.api_urlpatterns,
    *second_factor.api_urlpatterns,
    *sso.api_urlpatterns,
]
page_urlpatterns = [
    *login_urls,
    *profile,
    *people.page_urlpatterns,
    *tokens.page_urlpatterns,
    *teams.page_urlpatterns,
    *roles.page_urlpatterns,
    *oauth.page_urlpatterns,
    *decisions.page_urlpatterns,
    *audit.page_urlpatterns,
    *rehearsal.page_urlpatterns,
    *second_factor.page_urlpatterns,
    *sso.page_urlpatterns,
]
