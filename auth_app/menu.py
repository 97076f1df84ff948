"""What the rail of every page offers: what whoever looks at it would not be refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from auth_app.actor import Actor
from auth_app.policy import reach


def _everybody(actor: Actor) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A page of the rail. `section` is what its pages call themselves in their context."""

    section: str
    label: str
    icon: str
    route: str  # the name of its URL
    key: str = ""  # after `g`, on the keyboard
    offered: Callable[[Actor], bool] = _everybody
    until: str = ""  # the cookie of those who have no use for it any more


def everywhere(permission: str) -> Callable[[Actor], bool]:
    """For those who have this permission for all there is.

    It asks `reach`, not `may`: an offer is no decision, so a rehearsal does not count it.
    """
    return lambda actor: reach(actor, permission).everywhere


def of_a_team(permission: str) -> Callable[[Actor], bool]:
    """For those who have it everywhere, or in a team that is more than their own person."""

    def offered(actor: Actor) -> bool:
        found = reach(actor, permission)
        return found.everywhere or bool(found.teams - {actor.personal_team_id})

    return offered


# This app's own; the others add theirs.
_entries: dict[str, list[Entry]] = {
    "Registry": [],
    "Observe": [],
    "Access": [
        Entry(section="people", label="People", icon="people", route="page-users", offered=everywhere("users.read")),
        Entry(section="teams", label="Teams", icon="teams", route="page-teams"),
        Entry(section="roles", label="Roles", icon="roles", route="page-roles", offered=of_a_team("roles.read")),
        Entry(section="sso", label="Single sign-on", icon="sso", route="page-sso", offered=everywhere("sso.read")),
        Entry(section="oauth-clients", label="OAuth clients", icon="gateways", route="page-oauth-clients",
              offered=everywhere("oauth_clients.read")),
        Entry(section="audit", label="Audit", icon="audit", route="page-audit", key="h"),
        Entry(section="denials", label="Denials", icon="denials", route="page-denials", key="d"),
    ],
    "System": [],
    "You": [
        Entry(section="profile", label="Profile", icon="person", route="page-profile"),
        Entry(section="tokens", label="API tokens", icon="tokens", route="page-tokens", key="k"),
        Entry(section="connected", label="Accounts", icon="connected", route="page-connected"),
    ],
}  # fmt: skip


def add(group: str, *entries: Entry) -> None:
    """Offer these in one of the groups, behind what is there. Apps call it when they are ready."""
    _entries[group] += entries


def entries_for(actor: Actor) -> list[dict[str, str]]:
    """All that is offered to somebody, in one list."""
    return [entry for group in _menu(actor, {}) for entry in group["entries"]]


def offered(request: HttpRequest) -> dict[str, Any]:
    """The context processor: `menu` is a list of groups, each with a title and its entries as plain data."""
    actor: Actor | None = getattr(request, "actor", None)
    return {"menu": _menu(actor, request.COOKIES) if actor else []}


def _menu(actor: Actor, cookies: Mapping[str, str]) -> list[dict[str, Any]]:
    groups = []
    for title, entries in _entries.items():
        shown = [_shown(entry) for entry in entries if entry.until not in cookies and entry.offered(actor)]
        if shown:
            groups.append({"title": title, "id": title.lower(), "entries": shown})
    return groups


@cache
def _shown(entry: Entry) -> dict[str, str]:
    return {
        "section": entry.section,
        "label": entry.label,
        "icon": entry.icon,
        "url": reverse(entry.route),
        "key": entry.key,
    }
