"""Who decides what a server's changes become: not everybody who may change the gateway."""

import pytest

from proxy_app.models import Gateway, Tool
from tests.builders import a_gateway, a_grant, a_role, a_server, a_user
from tests.drift.conftest import changes_of, decide, synced
from tests.registry.conftest import Caller, People


@pytest.fixture
def gateway(people: People) -> Gateway:
    gateway = a_gateway("ours", visibility="team", team=people.team, owner=a_user())
    synced(gateway, "echo")
    synced(gateway, {"name": "echo", "description": "new"})
    return gateway


def test_the_teams_owner_and_administrators_decide_and_members_do_not(people: People, gateway: Gateway) -> None:
    [change] = changes_of(people.viewer, gateway)
    for caller in (people.member, people.viewer):
        answer = decide(caller, gateway, "approve", change["id"])
        assert (answer.status_code, "gateways.approve" in answer.json()["detail"]) == (403, True)
    assert decide(people.stranger, gateway, "approve", change["id"]).status_code == 404
    assert Tool.objects.get().held == "changed"
    assert decide(people.owner, gateway, "approve", change["id"]).status_code == 200


def test_a_role_makes_others_decide(people: People, gateway: Gateway) -> None:
    assert people.member.user
    a_grant(people.member.user, a_role("approver", ("gateways.approve",), scope="team"), people.team)
    [change] = changes_of(people.member, gateway)
    assert decide(people.member, gateway, "reject", change["id"]).status_code == 200


def test_nobody_loosens_the_rule_who_may_not_approve(people: People, gateway: Gateway) -> None:
    path = f"/gateways/{gateway.pk.hex}"
    assert people.member.put(path, {"changes": "apply"}).status_code == 403
    assert people.member.put(path, {"changes": "hold_tools", "description": "as it is"}).status_code == 200
    assert people.owner.put(path, {"changes": "apply"}).status_code == 200


def test_everybody_decides_for_gateways_of_their_own(people: People) -> None:
    mine = a_gateway("mine", visibility="private", owner=people.member.user, changes="hold")
    synced(mine, "echo")
    synced(mine)
    [change] = changes_of(people.member, mine)
    assert decide(people.member, mine, "approve", change["id"]).status_code == 200


def test_what_one_cannot_see_is_not_told_by_a_change(people: People, gateway: Gateway) -> None:
    tool = Tool.objects.get()
    a_server("of somebody", tools=(tool,), visibility="private", owner=a_user())
    a_server("desk", tools=(tool,), visibility="team", team=people.team)
    Gateway.objects.update(changes="hold")
    synced(gateway)
    [change] = changes_of(people.member, gateway)
    assert [server["name"] for server in change["servers"]] == ["desk"]
    Tool.objects.update(visibility="private", owner=a_user())
    assert changes_of(people.member, gateway) == []


def test_ids_of_another_gateway_are_none_of_this_one(people: People, gateway: Gateway) -> None:
    other = a_gateway("other")
    synced(other, "echo")
    synced(other, {"name": "echo", "description": "new"})
    [foreign] = changes_of(people.admin, other)
    assert decide(people.admin, gateway, "approve", foreign["id"]).status_code == 409


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": ["nonsense"]}, {"ids": "all"}, {"ids": None}])
def test_a_decision_names_changes(admin: Caller, gateway: Gateway, body: dict[str, object]) -> None:
    answer = admin.post(f"/gateways/{gateway.pk.hex}/changes/approve", body)
    assert answer.status_code == 422
