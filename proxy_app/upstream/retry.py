"""Whether a call that failed is sent again: only where it does no harm, seldom, and not all at the same time."""

import random

import httpx

from proxy_app.upstream.failures import (
    AddressRefused,
    CircuitOpen,
    NothingReceived,
    StreamCap,
    TlsError,
    may_have_been_sent,
)

BASE_S = 0.02
PAUSE_LIMIT_S = 0.25
# What a pool may save up, and what it begins with: a quiet upstream's only call may be tried again too.
SAVED_AT_MOST = 10.0
SAVED_AT_FIRST = 2.0
# Sent again these would only fail again, or make a crowd larger.
HOPELESS = (
    AddressRefused,
    TlsError,
    CircuitOpen,
    StreamCap,
    httpx.PoolTimeout,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


class Retries:
    """One upstream's budget: each call pays in a part of a retry, so they stay a part of the calls in any storm."""

    def __init__(self, percent: int, most: int) -> None:
        self.total = 0
        self._saved = SAVED_AT_FIRST if percent else 0.0
        self._part = percent / 100
        self._most = most

    def called(self) -> None:
        if self._saved < SAVED_AT_MOST:
            self._saved += self._part

    def pause_before(self, attempt: int, request: httpx.Request, exc: httpx.HTTPError) -> float | None:
        """How long to wait before sending it again, or None when it shall not be. `attempt` counts from 1."""
        if attempt > self._most or self._saved < 1 or not _harmless(request, exc):
            return None
        self._saved -= 1
        self.total += 1
        return random.uniform(0.0, min(BASE_S * 2.0 ** (attempt - 1), PAUSE_LIMIT_S))  # noqa: S311


def _harmless(request: httpx.Request, exc: httpx.HTTPError) -> bool:
    if isinstance(exc, HOPELESS) or not isinstance(request.stream, httpx.ByteStream):
        return False
    if not may_have_been_sent(exc):
        return True
    return bool(request.extensions.get("idempotent")) and isinstance(exc, NothingReceived | httpx.WriteError)
