"""Teams and memberships as rows, for use inside units of work.

Whoever changes who is in a team locks the team's row first, so that its last owner, its size and an invitation's single
use hold however many ask at one time. The lock is no hindrance to those who register items for the team.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from auth_app.actor import Actor
from auth_app.models import Membership, Team, User
from auth_app.permissions import OF_MEMBERSHIP, SYSTEM_ROLES
from auth_app.policy import reach, require_in, require_to_grant
from auth_app.teams.limits import MEMBERS_PER_TEAM
from gatewaysite.db.rows import as_id
from gatewaysite.errors import Conflict, NotFound

ABSENT = "Team not found"


class PersonalTeam(Conflict):
    """This is a personal team: nobody else gets into it, and its person does not get out"""

    code = "personal_team"


class LastOwner(Conflict):
    """A team keeps an owner: make somebody else one first"""

    code = "last_owner"


class TeamFull(Conflict):
    """The team has as many people as it may have"""

    code = "team_full"


def seen_by(actor: Actor) -> Q:
    """The teams whose insides this actor may see."""
    found = reach(actor, "teams.read")
    return Q() if found.everywhere else Q(pk__in=found.teams)


def find_team(actor: Actor, key: str, permission: str, *, lock: bool = False) -> Team:
    """Raises NotFound for what is not there, or looks so; Denied where the team is known but the permission lacks."""
    teams = Team.objects.select_for_update(no_key=True) if lock else Team.objects.all()
    team = teams.filter(by_key(key)).first()
    if team is None:
        raise NotFound(ABSENT)
    found_by_all = team.visibility == Team.Visibility.PUBLIC and team.is_active
    if not found_by_all and not reach(actor, "teams.read").covers_team(team.pk):
        raise NotFound(ABSENT)
    require_in(actor, permission, team.pk)
    return team


def find_shared_team(actor: Actor, key: str, permission: str) -> Team:
    """`find_team`, locked, and of several people."""
    team = find_team(actor, key, permission, lock=True)
    if team.is_personal:
        raise PersonalTeam
    return team


def lock_team(team_id: UUID) -> Team:
    team = Team.objects.select_for_update(no_key=True).filter(pk=team_id).first()
    if team is None:
        raise NotFound(ABSENT)
    return team


def by_key(key: str) -> Q:
    """An id, with or without dashes, or a slug. A name that looks like another team's id does not stand in for it."""
    row_id = as_id(key)
    return Q(pk=row_id) if row_id else Q(slug=key)


def find_person(email: str) -> User:
    person = User.objects.filter(email__iexact=email, is_active=True).first()
    if person is None:
        raise NotFound("User not found")
    return person


def find_membership(team: Team, email: str) -> Membership:
    membership = team.memberships.select_related("user").filter(user__email__iexact=email).first()
    if membership is None:
        raise NotFound("Team member not found")
    return membership


def add_membership(team: Team, person: User, role: str, *, by: str) -> Membership:
    """Put somebody into a team whose row is locked."""
    if team.memberships.filter(user=person).exists():
        raise Conflict(f"{person.email} is in this team already")
    limit = team.max_members or MEMBERS_PER_TEAM
    if team.memberships.count() >= limit:
        raise TeamFull(f"The team has as many people as it may have: {limit}")
    return Membership.objects.create(team=team, user=person, role=role, invited_by=by)


def keep_an_owner(team: Team, leaving: Membership) -> None:
    """Raises LastOwner when nobody else in a team whose row is locked owns it. Somebody locked out owns nothing."""
    if leaving.role != Membership.Role.OWNER:
        return
    others = team.memberships.filter(role=Membership.Role.OWNER, user__is_active=True).exclude(pk=leaving.pk)
    if not others.exists():
        raise LastOwner


def require_to_appoint(actor: Actor, team_id: UUID, roles: Iterable[str]) -> None:
    """Whoever makes somebody something in a team, or takes it, may themselves do all that comes with it."""
    for role in roles:
        require_to_grant(actor, SYSTEM_ROLES[OF_MEMBERSHIP[role]].permissions, team_id)
