"""A decision with its reasons: what was asked of the policy, which rules were looked at, and what would change it.

Plain values, without names: who may know which names is only known when one is shown (auth_app/decisions).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

# Called with the effect (allow, deny) and the rule that stood in the way, wherever something was wanted; for metrics.
on_decision: list[Callable[[str, str], None]] = []


def tell(effect: str, rule: str = "") -> None:
    for told in on_decision:
        told(effect, rule)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item that is to be: for whom it would be, not whose it is. Without visibility: any item at all."""

    kind: str
    visibility: str
    team_id: UUID | None
    id: None = None
    name: str = ""
    owner_id: None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """What somebody wanted to do something with; of what is not an item only the kind is known."""

    kind: str
    id: str = ""
    name: str = ""
    visibility: str = ""
    team_id: str = ""
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was looked at. `rule` is an id of the few in auth_app.decisions.words.

    `holds` says whether it allows, or of a limit whether it lets pass. `names`: whether the role or the limit names the
    permission at all, whatever it is asked for.
    """

    rule: str
    holds: bool
    names: bool = True
    role: str = ""
    team_id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to change; a remedy is one or more of them, all of them needed.

    `what`: "role" (in the team, or everywhere), "publish", "keep" (to oneself), "own", "token_permission",
    "token_team" or "token_use".
    """

    what: str
    role: str = ""
    team_id: str = ""
    permission: str = ""


type Remedy = tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """`failed`: the first rule that stands in the way; empty when it is allowed.

    `hidden`: the caller was told that there is no such thing.
    """

    user_id: UUID
    email: str
    token_id: UUID | None
    permission: str
    thing: Thing
    allowed: bool
    steps: tuple[Step, ...]
    failed: str = ""
    remedies: tuple[Remedy, ...] = ()
    hidden: bool = False

    def told(self) -> dict[str, Any]:
        """The reasons, to be stored as JSON."""
        return {
            "steps": [asdict(step) for step in self.steps],
            "remedies": [[asdict(change) for change in remedy] for remedy in self.remedies],
        }


def reasons(told: dict[str, Any]) -> tuple[tuple[Step, ...], tuple[Remedy, ...]]:
    """What `told` stored."""
    steps = tuple(Step(**step) for step in told.get("steps", ()))
    return steps, tuple(tuple(Change(**change) for change in remedy) for remedy in told.get("remedies", ()))
