"""Units of work on teams: which there are, making, changing and deleting them."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.text import slugify

from auth_app.actor import Actor
from auth_app.joining.bodies import InvitationData, invitation_data
from auth_app.joining.rows import add_invitation
from auth_app.members.bodies import MemberAdd, MemberData
from auth_app.members.bodies import data_of as member_data
from auth_app.models import JoinRequest, Membership, Team, User
from auth_app.policy import reach, require_alone, require_in
from auth_app.stamps import Stamp, audit, differences
from auth_app.teams.bodies import FoundTeamData, TeamCreate, TeamData, TeamUpdate, data_of
from auth_app.teams.dependents import dependents_of
from auth_app.teams.limits import MEMBERS_PER_TEAM, TEAMS_PER_PERSON
from auth_app.teams.rows import PersonalTeam, add_membership, find_team, seen_by
from gatewaysite.db.rows import unless_taken
from gatewaysite.errors import Conflict
from gatewaysite.validation import bad_field, values_of

KIND = "teams"
# What only those may change who may change every team: a limit that its own people could lift is none, and a team that
# they switched off they could not switch on again.
FOR_ADMINISTRATORS = frozenset({"is_active", "rate_limit"})
NOT_OF_A_PERSONAL_TEAM = frozenset({"visibility", "max_members", "is_active"})


def teams_to_choose(actor: Actor, kind: str) -> list[tuple[str, str]]:
    """The teams this actor may make items of a kind for, as (32 hex digits, name)."""
    return teams_where(actor, f"{kind}.create")


def teams_where(actor: Actor, permission: str) -> list[tuple[str, str]]:
    """The teams in which a permission holds, as (32 hex digits, name). A single query needs no block."""
    found = reach(actor, permission)
    teams = Team.objects.filter(is_active=True, person=None).order_by("name")
    if not found.everywhere:
        teams = teams.filter(pk__in=found.teams)
    return [(pk.hex, name) for pk, name in teams.values_list("pk", "name")[:500]]


def teams_of(actor: Actor) -> list[tuple[str, str]]:
    """The teams this actor is in with others, as (32 hex digits, name). A single query needs no block."""
    teams = Team.objects.filter(pk__in=actor.team_ids, person=None).order_by("name")
    return [(pk.hex, name) for pk, name in teams.values_list("pk", "name")[:500]]


def list_teams(actor: Actor, *, limit: int, offset: int, mine: bool = False) -> tuple[list[TeamData], int]:
    """A page of the teams this actor may look into, or is in, by name; and how many there are."""
    teams = Team.objects.filter(seen_by(actor))
    if mine:
        teams = teams.filter(pk__in=actor.team_ids)
    with transaction.atomic(durable=True):
        total = teams.count()
        page = _counted(teams).order_by("name", "id")[offset : offset + limit]
        return [data_of(team, count) for team, count in page_of(page)], total


def discover_teams(actor: Actor, *, limit: int, offset: int) -> list[FoundTeamData]:
    """Public teams this actor is not in. A single query needs no block."""
    require_alone(actor, "teams.read")
    here, waiting = OuterRef("pk"), JoinRequest.Status.PENDING
    asked = JoinRequest.objects.filter(team=here, user_id=actor.user_id, status=waiting, expires_at__gt=timezone.now())
    teams = Team.objects.filter(visibility=Team.Visibility.PUBLIC, is_active=True, person=None)
    strange = teams.exclude(memberships__user_id=actor.user_id)
    page = _counted(strange).annotate(asked=Exists(asked)).order_by("name", "id")[offset : offset + limit]
    return [
        {
            "id": team.pk.hex,
            "name": team.name,
            "description": team.description or None,
            "member_count": count,
            "created_at": team.created_at,
            "is_joinable": count < (team.max_members or MEMBERS_PER_TEAM),
            "has_asked": team.asked,  # type: ignore[attr-defined]  # annotated above
        }
        for team, count in page_of(page)
    ]


def create_team(
    actor: Actor, body: TeamCreate, stamp: Stamp
) -> tuple[TeamData, list[MemberData], list[tuple[InvitationData, str]]]:
    """The team, whom it has already, and who is invited with which secret. Letters are to be sent now."""
    require_alone(actor, f"{KIND}.create")
    now = timezone.now()
    with transaction.atomic(durable=True):
        # The person's row is locked, so that many requests at one time count each other's teams.
        person = User.objects.select_for_update(no_key=True).get(pk=actor.user_id)
        if Team.objects.filter(created_by__iexact=person.email, person=None).count() >= TEAMS_PER_PERSON:
            raise Conflict(f"You have made as many teams as one person may make: {TEAMS_PER_PERSON}")
        said = {"description": body.description, "visibility": body.visibility, "max_members": body.max_members}
        team = add_team(body.name, said, stamp)
        add_membership(team, person, Membership.Role.OWNER, by="")
        added, invited = _seed(team, body.members, person, stamp)
        data = data_of(team, 1 + len(added))
        return data, added, [(invitation_data(row, now=now), secret) for row, secret in invited]


def read_team(actor: Actor, key: str) -> TeamData:
    with transaction.atomic(durable=True):
        team = find_team(actor, key, f"{KIND}.read")
        return data_of(team, team.memberships.count())


def update_team(actor: Actor, key: str, body: TeamUpdate, stamp: Stamp) -> TeamData:
    """Change what was said. Raises Denied for what is not for a team's own people to change."""
    with transaction.atomic(durable=True):
        team = find_team(actor, key, f"{KIND}.update", lock=True)
        count = team.memberships.count()
        change_team(actor, team, values_of(body), count, stamp)
        return data_of(team, count)


def delete_team(actor: Actor, key: str, stamp: Stamp) -> TeamData:
    """What it was. Raises Conflict while it has registered items, which somebody has to move or delete first."""
    try:
        with transaction.atomic(durable=True):
            team = find_team(actor, key, f"{KIND}.delete", lock=True)
            data = data_of(team, team.memberships.count())
            remove_team(team, data["member_count"], stamp)
            return data
    except IntegrityError as error:  # ProtectedError too
        raise Conflict("Somebody gave this team an item meanwhile: delete it, or give it to another team") from error


def what_depends_on(actor: Actor, key: str) -> tuple[list[str], list[str]]:
    """What forbids that a team is deleted, and what would be deleted with it, in sentences."""
    with transaction.atomic(durable=True):
        found = dependents_of(find_team(actor, key, f"{KIND}.read"))
        return found.stays, found.goes


# --- For use inside a unit: a write that is one of several ----------------------------------------------------------


def add_team(name: str, said: Mapping[str, Any], stamp: Stamp) -> Team:
    """A team of nobody yet."""
    team = Team(name=name, slug=slug_of(name), created_by=stamp.email)
    _apply(team, said, 0)
    _save(team, force_insert=True)
    audit(stamp, "team.created", KIND, team.pk.hex, team.name, differences({}, _told(team)))
    return team


def change_team(actor: Actor, team: Team, said: Mapping[str, Any], member_count: int, stamp: Stamp) -> None:
    """Of a team that is locked."""
    if said.keys() & FOR_ADMINISTRATORS:
        require_in(actor, f"{KIND}.update", None)
    if team.is_personal and said.keys() & NOT_OF_A_PERSONAL_TEAM:
        raise PersonalTeam("A personal team stays private, of one person, and switched on")
    before = _told(team)
    _apply(team, said, member_count)
    _save(team)
    audit(stamp, "team.updated", KIND, team.pk.hex, team.name, differences(before, _told(team)))


def remove_team(team: Team, member_count: int, stamp: Stamp) -> None:
    """Raises Conflict where it has something that somebody has to move or delete first."""
    if team.is_personal:
        raise PersonalTeam("A personal team is deleted with its person only")
    if in_the_way := dependents_of(team).stays:
        raise Conflict(" ".join(in_the_way))
    pk, name = team.pk.hex, team.name
    team.delete()
    audit(stamp, "team.deleted", KIND, pk, name, {"members": member_count})


def page_of(rows: QuerySet[Team]) -> list[tuple[Team, int]]:
    return [(team, team.member_count) for team in rows]  # type: ignore[attr-defined]  # annotated by _counted


def _counted(teams: QuerySet[Team]) -> QuerySet[Team]:
    return teams.annotate(member_count=Count("memberships", distinct=True))


def slug_of(name: str) -> str:
    slug = slugify(name, allow_unicode=True)[:200].strip("-_")
    if not slug:
        raise bad_field("name", "A name has at least one letter or digit")
    if slug.startswith("personal-"):
        raise bad_field("name", "Names that begin so are those of personal teams")
    return slug


def _seed(team: Team, seeds: list[MemberAdd], maker: User, stamp: Stamp) -> Any:
    """Who has an account is added, and everybody else invited; once each."""
    added, invited = [], []
    asked = {seed.email.lower(): seed for seed in seeds if seed.email.lower() != maker.email.lower()}
    for email, seed in asked.items():
        person = User.objects.filter(email__iexact=email, is_active=True).first()
        if person:
            added.append(member_data(add_membership(team, person, seed.role, by=maker.email)))
        else:
            invited.append(add_invitation(team, seed.email, seed.role, by=maker.email, now=timezone.now()))
        action = "team.member_added" if person else "team.invited"
        audit(stamp, action, KIND, team.pk.hex, team.name, {"email": seed.email, "role": seed.role})
    return added, invited


def _apply(team: Team, said: Mapping[str, Any], member_count: int) -> None:
    for name, value in said.items():
        if value is None and name not in ("max_members", "description", "rate_limit"):
            raise bad_field(name, "This cannot be empty")
        setattr(team, name, "" if value is None and name != "max_members" else value)
    if "name" in said and not team.is_personal:
        team.slug = slug_of(team.name)
    if team.max_members is not None and "max_members" in said and team.max_members < member_count:
        raise bad_field("max_members", f"The team has {member_count} people already")
    team.updated_at = timezone.now()


def _save(team: Team, **how: Any) -> None:
    with unless_taken("slug", f"A team named {team.name!r} exists already"):
        team.save(**how)


def _told(team: Team) -> dict[str, Any]:
    names = ("name", "description", "visibility", "max_members", "is_active", "rate_limit")
    return {name: getattr(team, name) for name in names}
