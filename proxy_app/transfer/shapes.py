"""What is asked of an import, and what comes of it: plain data."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from auth_app.transfer.section import Found, Plain, Section, Wanted
from gatewaysite.errors import BadInput, GatewayError
from gatewaysite.responses import dump_json

type Strategy = Literal["update", "skip", "rename", "fail"]
CREATE, UPDATE, DELETE, SKIP, UNCHANGED = "create", "update", "delete", "skip", "unchanged"
STRATEGIES: tuple[Strategy, ...] = ("skip", "update", "rename", "fail")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A document that was read. `items`: what each part says, with where it stands.

    `left`: what of another system's document cannot be taken, each with the reason. `only`: the names of those that are
    wanted, by part.
    """

    items: Mapping[str, list[tuple[str, Plain]]]
    strategy: Strategy = "update"
    prune: bool = False
    left: list[Plain] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(map(len, self.items.values()))


@dataclass(kw_only=True)
class Step:
    """What becomes of one item. `wanted` is None where nothing is to be written."""

    section: Section
    path: str
    action: str
    name: str
    whose: str = ""
    found: Found | None = None
    wanted: Wanted | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    members: dict[str, list[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problem: Plain | None = None

    @property
    def told(self) -> list[Any]:
        """All that tells it from what another import would do."""
        version = self.found.version if self.found and self.action in (UPDATE, DELETE) else 0
        place = [self.section.name, self.path, self.action, self.name, version]
        return [*place, self.members, dict(self.secrets), self.problem]


@dataclass(kw_only=True)
class Outcome:
    """What an import does, or did."""

    steps: list[Step]
    left: list[Plain] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    transfer_id: str = ""

    @property
    def problems(self) -> list[Plain]:
        return [step.problem for step in self.steps if step.problem]

    @property
    def counts(self) -> dict[str, int]:
        done = Counter(step.action for step in self.steps if not step.problem)
        return {name: done[name] for name in (CREATE, UPDATE, DELETE, SKIP, UNCHANGED)} | {
            "conflict": len(self.problems),
            "left_out": len(self.left),
        }

    @property
    def changes(self) -> bool:
        return any(step.action in (CREATE, UPDATE, DELETE) for step in self.steps)

    @property
    def fingerprint(self) -> str:
        """Of all that would happen: the same as long as nothing was changed that it would change."""
        return hashlib.sha256(dump_json([step.told for step in self.steps])).hexdigest()


def problem_of(step: Step, error: GatewayError) -> Plain:
    """Why an item cannot become what it shall: in words, and which member is to blame."""
    fields = error.fields if isinstance(error, BadInput) else ()
    told = [{"member": ".".join(map(str, one.loc[1:])), "message": one.msg} for one in fields if len(one.loc) > 1]
    return {
        "section": step.section.name,
        "path": step.path,
        "name": step.name,
        "code": error.code,
        "message": "; ".join(f"{one['member']}: {one['message']}" for one in told) or error.message,
        "members": told,
    }
