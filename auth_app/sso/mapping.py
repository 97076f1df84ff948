"""What the claims of somebody who signs in give them here: rules as data. Nothing in here knows rows or requests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Of two places in one team the first counts.
STRONGEST = ("owner", "member", "viewer")

type Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """`contains`: one of the claim's values is exactly this. A claim with one value is a list of one."""

    claim: str
    op: str
    value: str
    gives: str
    role: str = ""
    team: str = ""  # 32 hex digits; of a role: everywhere, if empty


@dataclass(frozen=True, slots=True)
class Given:
    """All that some claims give: being an administrator, (role, team), and the role in each team by its id."""

    administrator: bool = False
    roles: frozenset[tuple[str, str]] = frozenset()
    memberships: frozenset[tuple[str, str]] = frozenset()


def rules_of(stored: Iterable[Mapping[str, str]]) -> list[Rule]:
    return [Rule(**one) for one in stored]


def given_by(rules: Sequence[Rule], claims: Claims) -> Given:
    matching = [rule for rule in rules if matches(rule, claims)]
    places: dict[str, str] = {}
    for rule in matching:
        if rule.gives == "membership":
            places[rule.team] = min(rule.role, places.get(rule.team, rule.role), key=STRONGEST.index)
    return Given(
        any(rule.gives == "administrator" for rule in matching),
        frozenset((rule.role, rule.team) for rule in matching if rule.gives == "role"),
        frozenset(places.items()),
    )


def matches(rule: Rule, claims: Claims) -> bool:
    values = values_of(claims, rule.claim)
    if rule.op == "contains":
        return rule.value in values
    return any(getattr(value, rule.op.replace("_", ""))(rule.value) for value in values)


def values_of(claims: Claims, name: str) -> list[str]:
    """A claim's values as text. `realm_access.roles` is a member of a member, unless a claim is called just so."""
    found: Any = claims
    if name in claims:
        found = claims[name]
    else:
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return [_text(value) for value in listed if isinstance(value, str | int | bool)]


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
