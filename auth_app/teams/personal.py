"""The team that everybody has alone: what it is called, and how it comes about."""

from auth_app.models import Membership, Team, User

LONGEST_NAME = 200


def add_personal_team(user: User) -> None:
    """Give somebody new their personal team. For use inside the unit that makes the person."""
    name = f"{user.full_name or user.email}'s team"[:LONGEST_NAME]
    team = Team(name=name, slug=personal_slug(user), person=user, created_by=user.email)
    team.description = f"Personal team of {user.email}"
    team.save(force_insert=True)
    Membership(team=team, user=user, role=Membership.Role.OWNER).save(force_insert=True)


def personal_slug(user: User) -> str:
    """One that no team a person names can have."""
    return f"personal-{user.pk.hex}"
