"""Teams with their people."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from auth_app.actor import Actor
from auth_app.members.bodies import MemberRole
from auth_app.models import Membership, Team, User
from auth_app.policy import Reach, require_in
from auth_app.stamps import Stamp, audit
from auth_app.teams.bodies import About, Most, Name, Visible
from auth_app.teams.rows import add_membership, find_team, keep_an_owner, require_to_appoint
from auth_app.teams.work import KIND, add_team, change_team, remove_team, slug_of
from auth_app.transfer.section import Found, Key, Plain, Section, Wanted
from gatewaysite.db.rows import part_of_unit
from gatewaysite.validation import Body, Email, RateText, bad_field, validated, values_of

MANAGE = "teams.manage_members"


class TeamItem(Body):
    """What is left out stays; of a new team it is nothing."""

    name: Name
    description: About | None = None
    visibility: Visible = Field("private", description="public: everybody finds it, and may ask to join.")
    max_members: Most | None = None
    is_active: bool = Field(True, description="Switched off, a team gives its people nothing.")
    rate_limit: RateText | None = Field(None, description="Of its people's tokens together: 100/minute.")
    members: dict[Email, MemberRole] = Field(
        {},
        max_length=5000,
        description="Who is in it, by e-mail address, as what. Who has no account here is left out.",
    )


class TeamChange(TeamItem):
    name: Name = ""


def key_of(item: Plain, _actor: Actor) -> Key:
    return (slug_of(str(item["name"])),)


def read(_actor: Actor, reach: Reach) -> list[Found]:
    teams = Team.objects.filter(person=None).order_by("name", "id").prefetch_related("memberships__user")
    return [_found(team) for team in teams if reach.covers_team(team.pk)]


def check(item: Plain, found: Found | None) -> Mapping[str, Any]:
    return values_of(validated(TeamChange if found else TeamItem, item))


def write(actor: Actor, wanted: Wanted, stamp: Stamp) -> Found:
    with part_of_unit():
        values = dict(wanted.values)
        members = values.pop("members", None)
        if wanted.found:
            team = find_team(actor, wanted.found.id, f"{KIND}.update", lock=True)
            if values:
                change_team(actor, team, values, team.memberships.count(), stamp)
        else:
            require_in(actor, f"{KIND}.create", None)
            team = add_team(values.pop("name"), values, stamp)
        if members is not None or not wanted.found:
            _set_members(actor, team, members or {}, stamp, wanted.notes)
        return _found(Team.objects.prefetch_related("memberships__user").get(pk=team.pk))


def delete(actor: Actor, found: Found, stamp: Stamp) -> None:
    with part_of_unit():
        team = find_team(actor, found.id, f"{KIND}.delete", lock=True)
        remove_team(team, team.memberships.count(), stamp)


def _set_members(actor: Actor, team: Team, said: Mapping[str, str], stamp: Stamp, notes: list[str]) -> None:
    """Who came by the rules of a provider is left to those. Owners come first, so that there is always one."""
    require_in(actor, MANAGE, team.pk)
    wanted = {email.lower(): role for email, role in said.items()}
    people = {one.email.lower(): one for one in User.objects.filter(email__in=list(said), is_active=True)}
    strangers = sorted(wanted.keys() - people.keys())
    if strangers:
        notes.append(f"Nobody here is called {', '.join(strangers)}: not put into the team")
    there = {row.user.email.lower(): row for row in team.memberships.select_related("user")}
    for email in sorted(wanted.keys() & people.keys(), key=lambda email: wanted[email] != Membership.Role.OWNER):
        _set_member(actor, team, people[email], there.get(email), wanted[email], stamp)
    for email in sorted(there.keys() - wanted.keys()):
        if there[email].source == "manual":
            require_to_appoint(actor, team.pk, [there[email].role])
            keep_an_owner(team, there[email])
            there[email].delete()
            _tell(stamp, "team.member_removed", team, email=email, role=there[email].role)
    _keep_an_owner(actor, team, stamp, notes)


def _set_member(actor: Actor, team: Team, person: User, there: Membership | None, role: str, stamp: Stamp) -> None:
    if there is None:
        require_to_appoint(actor, team.pk, [role])
        add_membership(team, person, role, by=actor.email)
        _tell(stamp, "team.member_added", team, email=person.email, role=role)
    elif there.role != role and there.source == "manual":
        require_to_appoint(actor, team.pk, {there.role, role})
        if role != Membership.Role.OWNER:
            keep_an_owner(team, there)
        before, there.role = there.role, role
        there.save(update_fields=["role"])
        _tell(stamp, "team.member_changed", team, email=person.email, role=[before, role])


def _keep_an_owner(actor: Actor, team: Team, stamp: Stamp, notes: list[str]) -> None:
    """A team that would have none belongs to whoever imports it."""
    if team.memberships.filter(role=Membership.Role.OWNER).exists():
        return
    person = User.objects.get(pk=actor.user_id)
    if team.memberships.filter(user=person).exists():
        raise bad_field("members", "A team needs an owner")
    add_membership(team, person, Membership.Role.OWNER, by="")
    notes.append(f"Nobody would own the team, so that {person.email} does")
    _tell(stamp, "team.member_added", team, email=person.email, role="owner")


def _tell(stamp: Stamp, action: str, team: Team, **changes: object) -> None:
    audit(stamp, action, KIND, team.pk.hex, team.name, changes)


def _found(team: Team) -> Found:
    people = sorted(team.memberships.all(), key=lambda one: one.user.email)
    return Found(
        key=(team.slug,),
        id=team.pk.hex,
        item={
            "name": team.name,
            "description": team.description or None,
            "visibility": team.visibility,
            "maxMembers": team.max_members,
            "isActive": team.is_active,
            "rateLimit": team.rate_limit or None,
            "members": {one.user.email: one.role for one in people if one.source == "manual"},
        },
    )


TEAMS = Section(
    name="teams",
    singular="team",
    create=TeamItem,
    update=TeamChange,
    structure={},
    key_of=key_of,
    read=read,
    check=check,
    write=write,
    delete=delete,
)
