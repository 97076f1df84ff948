"""The state that flows through a function's statements, and what a call of the function does to its caller's."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .model import Effect, Event, Finding
from .values import UNKNOWN, Value, join


@dataclass(slots=True)
class State:
    """What is known at one point of a function."""

    names: dict[str, Value] = field(default_factory=dict)
    depth: int = 0  # transaction blocks around, those of decorators included
    opened_at: int = 0  # the line of the outermost of them
    used_at: int = 0  # the line of the database's last use since the connection was given back; 0 for none
    released: bool = False  # whether it was given back on every path to here
    cursors: int = 0  # cursors, pinned connections: held whatever the engine
    timeout: bool = False  # lock_timeout was set
    alive: bool = True

    def copy(self) -> "State":
        return State(
            dict(self.names), self.depth, self.opened_at, self.used_at, self.released, self.cursors,
            self.timeout, self.alive,
        )  # fmt: skip


def merge(states: Iterable[State]) -> State:
    """Where paths meet, the worse of each holds; paths that have ended do not come here."""
    every = list(states)
    living = [state for state in every if state.alive]
    if not living:
        dead = every[0].copy()
        dead.alive = False
        return dead
    if len(living) == 1:
        return living[0]
    first, *others = living
    names = dict(first.names)
    for other in others:
        for name, value in other.names.items():
            mine = names.get(name)
            names[name] = value if mine is None or mine == value else join((mine, value))
    return State(
        names,
        max(state.depth for state in living),
        max(state.opened_at for state in living),
        max(state.used_at for state in living),
        all(state.released for state in living),
        max(state.cursors for state in living),
        all(state.timeout for state in living),
    )


@dataclass(slots=True)
class Summary:
    """What a call of a function comes to, in the eyes of whoever calls it."""

    events: dict[tuple[Effect, bool, bool, bool], Event] = field(default_factory=dict)
    returns: Value = UNKNOWN
    yields: Value = UNKNOWN
    # What is open while whoever iterates, or stands in the `with`, does its own work.
    depth_at_yield: int = 0
    cursors_at_yield: int = 0
    # What stays changed afterwards.
    depth: int = 0
    used: bool = False
    released: bool = False
    timeout: bool = False
    # Whether what the call hands over was left out of account.
    is_cut: bool = False
    # Found in the function itself; and with these arguments only, so that whoever passed them is to blame.
    findings: dict[tuple[str, int, str], Finding] = field(default_factory=dict)
    blamed: dict[tuple[str, int, str], Finding] = field(default_factory=dict)
