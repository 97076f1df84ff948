"""What a rehearsed role would decide, beside what counts; only differences are kept. Imported by the policy."""

from collections.abc import Callable
from typing import Any

from auth_app.actor import Actor
from auth_app.rehearsal.tally import tally

ALLOW, DENY = "allow", "deny"


def compare(
    actor: Actor, permission: str, item: Any, *, allowed: bool, decide: Callable[[Actor, str, Any], bool]
) -> None:
    for shadow in actor.shadows:
        if decide(shadow.actor, permission, item) != allowed:
            kind = permission.partition(".")[0] if item is None else item.kind
            tally.note(shadow.role_id, actor, permission, kind, DENY if allowed else ALLOW)


def compare_lists(actor: Actor, permission: str, found: Any, *, reach: Callable[[Actor, str], Any]) -> None:
    """A list is one decision: whether it might have less in it, or more."""
    for shadow in actor.shadows:
        other = reach(shadow.actor, permission)
        if other != found:
            effect = DENY if other | found == found else ALLOW
            tally.note(shadow.role_id, actor, permission, permission.partition(".")[0], effect)
