"""What the menu of every page offers: what whoever looks at it would not be refused."""

from typing import Any

from django.http import HttpRequest

from auth_app.actor import Actor
from auth_app.policy import reach

# The entries that are not for everybody, and the permission each of them needs everywhere.
NEEDED = {
    "connections": "connections.read",
    "upstreams": "upstreams.read",
    "attestations": "attestations.read",
    "people": "users.read",
    "sso": "sso.read",
    "oauth_clients": "oauth_clients.read",
}


def offered(request: HttpRequest) -> dict[str, Any]:
    """The context processor. It asks `reach`, not `may`: an offer is no decision, so a rehearsal does not count it."""
    actor: Actor | None = getattr(request, "actor", None)
    return {"menu": _menu(actor) if actor else {}}


def _menu(actor: Actor) -> dict[str, bool]:
    """By entry; `observe` is the group of those that show how the gateway is."""
    menu = {name: reach(actor, permission).everywhere for name, permission in NEEDED.items()}
    roles = reach(actor, "roles.read")
    menu["roles"] = roles.everywhere or bool(roles.teams - {actor.personal_team_id})
    return menu | {"observe": menu["connections"] or menu["upstreams"] or menu["attestations"]}
