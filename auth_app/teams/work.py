"""Units of work on teams."""

from auth_app.actor import Actor
from auth_app.models import Team
from auth_app.policy import reach


def teams_to_choose(actor: Actor, kind: str) -> list[tuple[str, str]]:
    """The teams this actor may make items of a kind for, as (32 hex digits, name). A single query needs no block."""
    found = reach(actor, f"{kind}.create")
    teams = Team.objects.order_by("name")
    if not found.everywhere:
        teams = teams.filter(pk__in=found.teams)
    return [(pk.hex, name) for pk, name in teams.values_list("pk", "name")[:500]]


def teams_of(actor: Actor) -> list[tuple[str, str]]:
    """The teams this actor is in, as (32 hex digits, name). A single query needs no block."""
    teams = Team.objects.filter(pk__in=actor.team_ids).order_by("name")
    return [(pk.hex, name) for pk, name in teams.values_list("pk", "name")[:500]]
