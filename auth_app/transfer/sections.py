"""The parts of a document that are about people and their ways in; each stands behind what it refers to."""

from auth_app.transfer.issuers import ISSUERS
from auth_app.transfer.providers import PROVIDERS
from auth_app.transfer.roles import ROLES
from auth_app.transfer.section import Section
from auth_app.transfer.teams import TEAMS

SECTIONS: tuple[Section, ...] = (TEAMS, ROLES, ISSUERS, PROVIDERS)
