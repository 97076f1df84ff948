"""A live token as the policy sees it: whom it acts for, within which scope, from where and when it may be used."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from auth_app.actor import NO_SCOPE, Actor, TokenScope
from auth_app.decision import Change, Decision, Step, Thing
from gatewaysite.errors import Denied

log = logging.getLogger(__name__)

type Network = IPv4Network | IPv6Network

# Of a row, in this order, what `scope_of` and `Use` are made from.
SCOPE_COLUMNS = ("permissions", "team_id", "server_id")
USE_COLUMNS = ("expires_at", "networks", "hours")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class SessionRequired(Denied):
    """Access denied: this is for signed-in people, not for API tokens"""

    code = "session_required"


class OutOfScope(Denied):
    """Access denied: this token may not be used from here, or not now"""

    code = "token_out_of_scope"


@dataclass(frozen=True, slots=True)
class Hours:
    """On these days of the week, between these times there; past midnight when it ends before it begins."""

    days: frozenset[int]
    begins: time
    ends: time
    zone: ZoneInfo

    def cover(self, now: datetime) -> bool:
        there = now.astimezone(self.zone)
        at = there.time()
        if self.begins <= self.ends:
            return there.weekday() in self.days and self.begins <= at < self.ends
        if at >= self.begins:
            return there.weekday() in self.days
        return at < self.ends and (there.weekday() - 1) % 7 in self.days


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """`networks`: empty means from anywhere; `hours`: None means at any time."""

    actor: Actor
    expires_at: datetime | None = None
    networks: tuple[Network, ...] = ()
    hours: Hours | None = None

    def is_live(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at

    def check_use(self, client: str | None, now: datetime) -> None:
        """Raises OutOfScope. `client` is an address, or None when nobody knows it."""
        if self.networks and not (client and _is_within(client, self.networks)):
            raise OutOfScope(
                "Access denied: this token may not be used from this address",
                decision=refused_use(self.actor, "token_networks"),
            )
        if self.hours and not self.hours.cover(now):
            raise OutOfScope(
                "Access denied: this token may not be used at this time",
                decision=refused_use(self.actor, "token_hours"),
            )


def refused_use(actor: Actor, rule: str, permission: str = "") -> Decision:
    """The decision against a token itself, whatever it was used for."""
    return Decision(
        actor.user_id, actor.email, actor.token_id, permission, Thing("tokens", _hex(actor.token_id)), allowed=False,
        steps=(Step(rule, holds=False),), failed=rule, remedies=((Change("token_use"),),),
    )  # fmt: skip


def _hex(key: UUID | None) -> str:
    return key.hex if key else ""


@cache
def network(text: str) -> Network:
    return ip_network(text)


def hours_of(told: Mapping[str, Any]) -> Hours | None:
    """From a row. What is left out means every day, or all day, in UTC."""
    if not told:
        return None
    return Hours(
        frozenset(DAYS.index(day) for day in told.get("days") or DAYS),
        time.fromisoformat(told.get("from", "00:00")),
        time.fromisoformat(told["to"]) if told.get("to") else time.max,
        ZoneInfo(told.get("timezone", "UTC")),
    )


def scope_of(permissions: list[str] | None, team_id: Any, server_id: Any) -> TokenScope:
    if permissions is None and team_id is None and server_id is None:
        return NO_SCOPE
    return TokenScope(None if permissions is None else frozenset(permissions), team_id, server_id)


def _is_within(client: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in one for one in networks)


def entry_of(actor: Actor, row: dict[str, Any]) -> TokenEntry | None:
    """None for what cannot be read, which no page or endpoint stores: such a token lets nobody in."""
    try:
        networks = tuple(network(text) for text in row["networks"])
        return TokenEntry(actor, row["expires_at"], networks, hours_of(row["hours"]))
    except (KeyError, ValueError):
        log.error("the scope of a token cannot be read", extra={"token_id": str(actor.token_id)})
        return None
