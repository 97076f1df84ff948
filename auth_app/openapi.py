"""The shares that the rooms of this app have of the OpenAPI document."""

from auth_app.account.openapi import ACCOUNT
from auth_app.audit.openapi import AUDIT
from auth_app.decisions.openapi import DECISIONS
from auth_app.oauth.openapi import ISSUERS
from auth_app.people.openapi import PEOPLE
from auth_app.rehearsal.openapi import REHEARSALS
from auth_app.roles.openapi import ROLES
from auth_app.second_factor.openapi import SECOND_FACTOR
from auth_app.sso.openapi import SSO
from auth_app.teams.openapi import TEAMS
from auth_app.tokens.openapi import TOKENS

ROOMS = (ACCOUNT, PEOPLE, SECOND_FACTOR, TOKENS, TEAMS, ROLES, REHEARSALS, SSO, ISSUERS, DECISIONS, AUDIT)
