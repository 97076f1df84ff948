"""What the guard says: effects, the way to them, and findings.

An *effect* is something a piece of code does that matters to whoever holds a database connection. Effects travel from
the call that has them up through every function that leads there, until a frame decides: it reports the effect (because
it holds something, or runs on the event loop), or it shows it to its own callers.
"""

from dataclasses import dataclass, replace
from enum import StrEnum, auto


class Effect(StrEnum):
    DATABASE = auto()  # a statement is sent
    LOCK = auto()  # that statement locks rows
    UPSTREAM = auto()  # somebody else is called over the network
    CLIENT = auto()  # an HTTP client or a socket is made
    RENDER = auto()  # an answer is made
    STREAM = auto()  # an answer is made that goes on being made while it is sent
    BLOCK = auto()  # the thread waits: a sleep, a name lookup, a blocking client
    POOL = auto()  # a pool of database connections, or a connection, is opened
    RELEASE = auto()  # the connection is given back
    WRAPPED = auto()  # a decorator calls what it decorates


RULES = {
    "R1": "no answer is made inside a transaction",
    "R2": "no stream is begun inside a transaction, and none queries while it is sent",
    "R3": "no upstream is called inside a transaction",
    "R4": "only plain data is rendered, serialised, cached or handed to a task",
    "R5": "HTTP clients are made in one place",
    "R6": "settings that keep connections, and pools opened by an import",
    "R7": "the connection is given back before an upstream is called",
    "R8": "nothing blocks the event loop",
    "R9": "row locks stand in a transaction and wait for a limited time",
    "R10": "cancellation is passed on",
}


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One hop on the way to an effect: what is called, and where."""

    file: str
    line: int
    label: str


@dataclass(frozen=True, slots=True)
class Event:
    """An effect at the end of a path; the first step stands in the frame that is looking at it."""

    effect: Effect
    path: tuple[Step, ...]
    # Whether the connection was given back before, within the functions on the path.
    after_release: bool = False
    # Whether it happens in the thread that calls: only then does it block the event loop.
    here: bool = True
    # Of a lock: whether its wait is limited.
    limited: bool = False

    def seen_from(self, step: Step) -> "Event":
        return replace(self, path=(step, *self.path))

    @property
    def kind(self) -> tuple[Effect, bool, bool, bool]:
        """Events of one kind are judged alike; a function shows one of each to its callers."""
        return self.effect, self.after_release, self.here, self.limited

    @property
    def sink(self) -> str:
        return self.path[-1].label


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A broken rule. `function` is the innermost named function around the line, `<module>` outside of any."""

    file: str
    line: int
    rule: str
    message: str
    function: str
    path: tuple[Step, ...] = ()

    @property
    def place(self) -> tuple[str, int, str]:
        return self.file, self.line, self.rule

    @property
    def route(self) -> str:
        """How one gets there: view -> helper -> sink."""
        return " -> ".join((self.function, *(step.label for step in self.path)))
