"""What a token was used for. Calls are kept by the app that makes them, which says here how they are counted."""

from collections.abc import Callable
from datetime import date, datetime
from typing import TypedDict
from uuid import UUID


class DayData(TypedDict):
    """One day, in UTC, on which there were calls."""

    day: date
    requests: int
    successful: int


class UsageData(TypedDict):
    """Calls of tools and requests through proxy routes, by the names of the existing system.

    `success_rate` is between 0 and 1. `blocked_requests` were refused here; `top_endpoints` has names and counts.
    """

    period_days: int
    total_requests: int
    successful_requests: int
    blocked_requests: int
    success_rate: float
    average_response_time_ms: float
    top_endpoints: list[tuple[str, int]]
    days: list[DayData]


class Counting:
    """How the calls of a token since a moment are counted; put in by whoever keeps them."""

    of: Callable[[UUID, datetime, int], UsageData]
