"""Which rate limits a token has: its own, its owner's teams', the defaults."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from django.conf import settings

from auth_app.actor import Actor
from gatewaysite.rates import Rate, rates_of

log = logging.getLogger(__name__)


def with_rates(actor: Actor, own: str, team_limits: Mapping[str, str]) -> Actor:
    """Its own; those of each team of its owner's that has one; the default of teams, where there is none."""
    assert actor.token_id is not None  # noqa: S101 (these are tokens)
    limited = sorted(team_id.hex for team_id in actor.team_ids if team_id.hex in team_limits)
    kind, key = actor.share
    rates = (
        *readable("token", actor.token_id.hex, own or settings.RATE_LIMIT_TOKEN),
        *(rate for team in limited for rate in readable("team", team, team_limits[team])),
        *(() if limited else readable(kind, key, settings.RATE_LIMIT_TEAM)),
    )
    return replace(actor, rates=rates)


def readable(kind: str, key: str, text: str) -> tuple[Rate, ...]:
    """A limit that cannot be read, which no page or endpoint stores, must not let everybody's snapshot grow old."""
    try:
        return rates_of(kind, key, text)
    except ValueError:
        log.error("a rate limit cannot be read", extra={"limit": kind, "key": key})
        return ()
