"""Access tokens of OAuth clients are a part of their own of what the processes keep in memory: "oauth".

Each is made anew every hour. Loading all API tokens and people for each of them would cost more than the calls do.
Issuers change seldom, and go with the people.
"""

from django.db import migrations

WATCH = """
SELECT poolgate_watch('allauth_idp_oidc_token', 'oauth', 'type, hash, expires_at, user_id, data, scopes');
SELECT poolgate_watch('auth_app_trustedissuer', 'access', 'issuer, audiences, person_claim, offered, enabled');
SELECT poolgate_watch('auth_app_issuersubject', 'access', 'issuer_id, subject, user_id');
"""
UNWATCH = """
DROP TRIGGER poolgate_bump ON allauth_idp_oidc_token;
DROP TRIGGER poolgate_bump ON auth_app_trustedissuer;
DROP TRIGGER poolgate_bump ON auth_app_issuersubject;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("auth_app", "0008_oauth"),
        ("allauth_idp_oidc", "0003_client_allow_uri_wildcards"),
    ]

    operations = [migrations.RunSQL(WATCH, UNWATCH)]
