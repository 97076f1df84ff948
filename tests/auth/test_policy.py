"""Deciding and explaining are one: whatever is asked, both say the same, and what is said to help does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from uuid import UUID, uuid4

import pytest

from auth_app.actor import NO_SCOPE, Actor, RoleGrant, TokenScope
from auth_app.decision import Decision, Wanted, reasons
from auth_app.permissions import SYSTEM_ROLES
from auth_app.policy import Reach, explain, may, reach
from auth_app.remedies import applied

ME, OTHER, BLUE, RED = uuid4(), uuid4(), uuid4(), uuid4()


@dataclass(frozen=True)
class Item:
    kind: str
    visibility: str
    team_id: UUID | None
    owner_id: UUID | None


MEMBERSHIPS = (frozenset[tuple[UUID, str]](), *(frozenset({(BLUE, role)}) for role in ("viewer", "member", "owner")))
GRANTS = (
    frozenset[RoleGrant](),
    frozenset({RoleGrant("runner", BLUE, frozenset({"tools.execute"}))}),
    frozenset({RoleGrant("auditor", None, frozenset({"*.read"}))}),
)
SCOPES = (
    NO_SCOPE,
    TokenScope(permissions=frozenset({"*.read"})),
    TokenScope(team_id=BLUE),
    TokenScope(permissions=frozenset({"tools.execute"}), team_id=RED),
)
PERMISSIONS = ("tools.read", "tools.execute", "tools.update", "tools.create", "connections.read", "tokens.read")


def actors() -> Iterator[Actor]:
    for roles, grants, scope, is_admin in product(MEMBERSHIPS, GRANTS, SCOPES, (False, True)):
        yield Actor(ME, "me@example.com", is_admin, roles, uuid4(), grants=grants, scope=scope)


def items() -> Iterator[Item | Wanted | None]:
    for visibility, team_id, owner_id in product(("public", "team", "private"), (None, BLUE, RED), (None, ME, OTHER)):
        if visibility != "team" or team_id:
            yield Item("tools", visibility, team_id, owner_id)
    for visibility, team_id in product(("public", "team", "private", ""), (None, BLUE, RED)):
        yield Wanted("tools", visibility, team_id)
    yield None


def denials() -> Iterator[tuple[Actor, str, Item | Wanted | None, Decision]]:
    for actor, permission, item in product(actors(), PERMISSIONS, items()):
        decision = explain(actor, permission, item)
        if not decision.allowed:
            yield actor, permission, item, decision


def test_an_explanation_says_what_was_decided() -> None:
    answers = set()
    for actor, permission, item in product(actors(), PERMISSIONS, items()):
        allowed = may(actor, permission, item)
        decision = explain(actor, permission, item)
        assert decision.allowed is allowed, (actor, permission, item)
        assert bool(decision.failed) is not allowed
        answers.add((allowed, decision.failed))
    assert answers == {(True, ""), (False, "roles"), (False, "token_permissions"), (False, "token_team")}


def test_what_is_said_to_help_does() -> None:
    """Each remedy turns the answer, and none of its changes can be left out."""
    without, helped = 0, 0
    for actor, permission, item, decision in denials():
        without += not decision.remedies
        for remedy in decision.remedies:
            helped += 1
            assert may(*_asked(*applied(remedy, actor, item), permission)), (actor, permission, item, remedy)
            for left_out in remedy:
                rest = tuple(change for change in remedy if change != left_out)
                assert not may(*_asked(*applied(rest, actor, item), permission)), (actor, permission, item, remedy)
    assert helped > 10 * without


def _asked(actor: Actor, item: Item | None, permission: str) -> tuple[Actor, str, Item | None]:
    return actor, permission, item


def test_the_smallest_role_is_named_first_and_publishing_after_it() -> None:
    viewer = Actor(ME, "me@example.com", False, frozenset({(BLUE, "viewer")}))
    tool = Item("tools", "team", BLUE, OTHER)
    first, second = explain(viewer, "tools.execute", tool).remedies
    assert [(change.what, change.role, change.team_id) for change in first] == [("role", "developer", BLUE.hex)]
    assert [change.what for change in second] == ["publish"]
    (everywhere,) = explain(viewer, "connections.read").remedies
    assert [(change.what, change.role, change.team_id) for change in everywhere] == [("role", "platform_viewer", "")]


def test_what_is_to_be_public_may_be_kept_to_oneself_instead() -> None:
    keep, role = explain(
        Actor(ME, "me@example.com", False), "gateways.create", Wanted("gateways", "public", None)
    ).remedies
    assert ([one.what for one in keep], [one.role for one in role]) == (["keep"], ["platform_admin"])


def test_a_token_is_what_has_to_change_when_its_owner_may() -> None:
    actor = Actor(ME, "me@example.com", False, frozenset({(BLUE, "member")}), scope=TokenScope(frozenset({"*.read"})))
    decision = explain(actor, "tools.execute", Item("tools", "team", BLUE, OTHER))
    assert decision.failed == "token_permissions"
    assert [[change.what for change in remedy] for remedy in decision.remedies] == [["token_permission"]]


def test_nobody_is_said_to_help_with_other_peoples_private_items_but_their_owner() -> None:
    admin = Actor(ME, "me@example.com", True)
    own, public = explain(admin, "tools.read", Item("tools", "private", None, OTHER)).remedies
    assert ([one.what for one in own], [one.what for one in public]) == (["own"], ["publish"])


def test_reasons_survive_being_stored() -> None:
    decision = explain(Actor(ME, "me@example.com", False), "tools.execute", Item("tools", "team", BLUE, OTHER))
    assert reasons(decision.told()) == (decision.steps, decision.remedies)


@pytest.mark.parametrize("role", SYSTEM_ROLES)
def test_reaches_add_up_like_roles(role: str) -> None:
    """What two roles reach together is what either reaches, for items there are."""
    left, right = Reach(public=True, teams=frozenset({RED})), reach(_with(role), "tools.read")
    for item in items():
        if isinstance(item, Item):
            assert (left | right).covers(item) == (left.covers(item) or right.covers(item))


def _with(role: str) -> Actor:
    grant = RoleGrant(role, BLUE if SYSTEM_ROLES[role].scope == "team" else None, SYSTEM_ROLES[role].permissions)
    return replace(Actor(ME, "me@example.com", False), grants=frozenset({grant}), worked_out={})
