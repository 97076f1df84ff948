"""What every template may ask of the policy."""

from django import template

from auth_app.actor import Actor
from auth_app.policy import reach

register = template.Library()

# Asked of `reach`, not of `may`: what a menu offers is no decision, so a rehearsal does not count it.


@register.filter
def may_everywhere(actor: Actor, permission: str) -> bool:
    return reach(actor, permission).everywhere


@register.filter
def may_in_some_team(actor: Actor, permission: str) -> bool:
    """Everywhere, or in one that is not only the actor's own."""
    found = reach(actor, permission)
    return found.everywhere or bool(found.teams - {actor.personal_team_id})
