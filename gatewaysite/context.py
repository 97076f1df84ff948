"""What this task or thread is working on, and in which phase of it: for the ledger, the guard, logs and traces."""

from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """A request is a sequence of these. The database belongs to the first four; in the others nothing is held."""

    AUTH = "auth"
    LOAD = "load"
    WRITE = "write"
    AUDIT = "audit"
    RENDER = "render"
    STREAM = "stream"
    UPSTREAM = "upstream"


WITHOUT_DATABASE = frozenset({Phase.RENDER, Phase.STREAM, Phase.UPSTREAM})


@dataclass(slots=True)
class RequestContext:
    """The request, job or background loop being served; shared by all tasks and threads that work on it.

    `route` is a name of ours, fit to label a metric. It and `who`, an e-mail address, become known on the way.
    `background`: a job or loop, which serves nobody.
    """

    request_id: str
    route: str
    who: str = ""
    background: bool = False


UNRESOLVED = "unresolved"

current: ContextVar[RequestContext | None] = ContextVar("gatewaysite.context.current", default=None)
# Immutable and per task, unlike the request: two tasks of one request may be in different phases.
phase: ContextVar[Phase] = ContextVar("gatewaysite.context.phase", default=Phase.LOAD)


def begin_background(name: str) -> None:
    """Name the loop or job that this task is, from here to its end."""
    current.set(RequestContext(request_id=name, route=name, background=True))


def route_now() -> str:
    """The route being served, or what stands for none."""
    context = current.get()
    return context.route if context else UNRESOLVED


def set_who(who: str) -> None:
    """Note who is asking, as soon as it is known."""
    if context := current.get():
        context.who = who
