"""What the pages of teams show, as plain data: rows, states, and why something cannot be done."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.urls import reverse

from auth_app.actor import Actor
from auth_app.joining.bodies import InvitationData
from auth_app.members.bodies import MemberData
from auth_app.policy import may_in
from auth_app.teams.bodies import TeamData
from gatewaysite.controls import Field, Texts, choices, control

ROLES = (
    ("owner", "Owner: everything, its people too"),
    ("member", "Member: everything it has"),
    ("viewer", "Viewer: only look"),
)
WORDS = {"owner": "Owner", "member": "Member", "viewer": "Viewer"}
VISIBLE = (("private", "Nobody else"), ("public", "Everybody, who may ask to join"))

type Plain = dict[str, Any]


def row_of(team: TeamData, roles: Mapping[UUID, str]) -> Plain:
    """A team in a list, with what whoever looks is in it."""
    role = roles.get(UUID(team["id"]), "")
    return {
        "url": reverse("page-teams-item", args=[team["id"]]),
        "name": team["name"],
        "description": team["description"],
        "role": "Yours alone" if team["is_personal"] and role else WORDS.get(role, "Not in it"),
        "people": team["member_count"],
        "visibility": "Public" if team["visibility"] == "public" else "Private",
        "state": state_of(team),
    }


def state_of(team: TeamData) -> Plain:
    return {"word": "On", "tone": "ok"} if team["is_active"] else {"word": "Switched off", "tone": "off"}


def may_with(actor: Actor, team: TeamData) -> Plain:
    """What whoever looks may do with a team, and for what they may not, why."""
    team_id = UUID(team["id"])
    owner = "Owners of the team can do this."
    personal = "It is a personal team: nobody else gets into it, and it goes with its person."
    return {
        "update": _leave(may_in(actor, "teams.update", team_id), owner),
        "manage": _leave(not team["is_personal"] and may_in(actor, "teams.manage_members", team_id),
                         personal if team["is_personal"] else owner),
        "delete": _leave(not team["is_personal"] and may_in(actor, "teams.delete", team_id),
                         personal if team["is_personal"] else owner),
        "switch": _leave(not team["is_personal"] and may_in(actor, "teams.update", None),
                         personal if team["is_personal"] else "An administrator switches teams off and on."),
        "limit": _leave(may_in(actor, "teams.update", None), "An administrator sets it."),
    }  # fmt: skip


def member_rows(actor: Actor, members: Iterable[MemberData]) -> list[Plain]:
    return [
        {
            "email": one["user_email"],
            "name": one["full_name"],
            "role": one["role"],
            "word": WORDS[one["role"]],
            "joined_at": one["joined_at"],
            "invited_by": one["invited_by"],
            "locked": not one["is_active"],
            "you": one["user_email"] == actor.email,
            "others": [{"value": key, "label": WORDS[key]} for key in WORDS if key != one["role"]],
        }
        for one in members
    ]


def invitation_rows(invitations: Iterable[InvitationData]) -> list[Plain]:
    return [
        {
            "id": one["id"],
            "team": one["team_name"],
            "email": one["email"],
            "role": WORDS[one["role"]],
            "invited_by": one["invited_by"],
            "expires_at": one["expires_at"],
            "expired": one["is_expired"],
        }
        for one in invitations
    ]


def fields_of(texts: Texts, *, personal: bool = False) -> list[Field]:
    """The controls of a team's own facts."""
    facts = [
        control("name", "Name", texts, required=True),
        control("description", "Description", texts, "long", help="What it is for, for those who look for a team."),
    ]
    if personal:
        return facts
    return [
        *facts,
        control("visibility", "Who finds it", texts, "select", required=True, choices=choices(VISIBLE)),
        control("max_members", "At most so many people", texts, "number", placeholder="no limit of its own"),
    ]


def body_of(texts: Texts) -> Plain:
    """What a JSON client would send for these controls."""
    names = ("name", "description", "visibility", "max_members", "rate_limit")
    return {name: texts[name] or None if name != "name" else texts[name] for name in names if name in texts}


def _leave(granted: bool, why_not: str) -> Plain:
    return {"may": granted, "why_not": "" if granted else why_not}
