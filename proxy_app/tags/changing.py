"""Changing a tag wherever it is: every item is a unit of its own, as in every change of many."""

from collections.abc import Callable, Sequence

from auth_app.actor import Actor
from auth_app.stamps import Stamp
from gatewaysite.errors import GatewayError, Refused
from proxy_app.registry import work
from proxy_app.registry.bulk import AT_MOST, Refusal
from proxy_app.registry.kinds import KINDS
from proxy_app.tags.work import ids_with


def change_everywhere(actor: Actor, tag: str, to: str | None, stamp: Stamp, refused: Refusal) -> tuple[int, int]:
    """Rename it, or take it away; of each kind on no more items than one request may change.

    Returns how many were changed and how many refused.
    """
    changed = denied = 0
    for kind in KINDS:
        for key in ids_with(kind, actor, tag, AT_MOST):
            try:
                work.retag_item(kind, actor, key, _renamed(tag, to), stamp)
            except Refused:
                raise
            except GatewayError as error:
                refused(error)
                denied += 1
            else:
                changed += 1
    return changed, denied


def _renamed(tag: str, to: str | None) -> Callable[[Sequence[str]], list[str]]:
    def change(present: Sequence[str]) -> list[str]:
        new = (to if one == tag else one for one in present)
        return list(dict.fromkeys(one for one in new if one is not None))

    return change
