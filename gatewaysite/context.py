"""What this task or thread is working on, for the ledger, logs and traces."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The request being served. `route` is a name of ours, fit to label a metric; `phase`: load, render, send."""

    request_id: str
    route: str
    phase: str


current: ContextVar[RequestContext | None] = ContextVar("gatewaysite.context.current", default=None)
