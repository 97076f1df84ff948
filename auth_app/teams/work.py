"""Units of work on teams."""

from auth_app.actor import Actor
from auth_app.models import Team


def teams_to_choose(actor: Actor) -> list[tuple[str, str]]:
    """The teams this actor may own items with, as (32 hex digits, name). A single query needs no block."""
    teams = Team.objects.order_by("name")
    if not actor.is_admin:
        teams = teams.filter(pk__in=[team_id for team_id in actor.team_ids if actor.writes_in(team_id)])
    return [(pk.hex, name) for pk, name in teams.values_list("pk", "name")[:500]]
