"""Two workers: what changes somebody's rights counts at once where it was said, and within a moment in the other."""

from typing import Any

import httpx
import pytest

from auth_app.models import Role, Team, User
from proxy_app.models import Tool
from tests.builders import a_gateway, a_team, a_token, a_tool, a_user, an_admin
from tests.end_to_end.test_workers import bearer, tools, until
from tests.gateway_process import GatewayProcess


class World:
    """A team with one tool; Ann, who is in no team with others; and an administrator who changes what Ann may."""

    def __init__(self) -> None:
        self.ann: User = a_user("ann@example.com")
        self.team: Team = a_team("Blue", owner=a_user("ben@example.com"))
        self.tool: Tool = a_tool("echo", gateway=a_gateway("gw", visibility="team", team=self.team))
        self.token, self.admin = a_token(self.ann), a_token(an_admin())
        self.own = f"/teams/{self.team.pk.hex}"

    def say(self, client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
        answer = client.request(method, path, json=body, headers=bearer(self.admin))
        assert answer.is_success, answer.text
        return answer.json()

    def sees(self, client: httpx.Client) -> bool:
        return tools(client, self.token) == ["gw-echo"]


def place(world: World, client: httpx.Client, wanted: bool) -> None:
    if wanted:
        world.say(client, "POST", f"{world.own}/members", {"email": world.ann.email, "role": "viewer"})
    else:
        world.say(client, "DELETE", f"{world.own}/members/{world.ann.email}")


def grant(world: World, client: httpx.Client, wanted: bool) -> None:
    role, there = Role.objects.get(name="viewer").pk, {"scope": "team", "scope_id": world.team.pk.hex}
    path = f"/rbac/users/{world.ann.email}/roles"
    if wanted:
        world.say(client, "POST", path, {"role_id": str(role)} | there)
    else:
        world.say(client, "DELETE", f"{path}/{role}?scope=team&scope_id={world.team.pk.hex}")


def role(world: World, client: httpx.Client, wanted: bool) -> None:
    """What the role says changes; who has it does not."""
    found = Role.objects.filter(name="looker").first()
    if found is None:
        body = {"name": "looker", "scope": "global", "permissions": []}
        made = world.say(client, "POST", "/rbac/roles", body)
        world.say(client, "POST", f"/rbac/users/{world.ann.email}/roles", {"role_id": made["id"], "scope": "global"})
        found = Role.objects.get(name="looker")
    world.say(client, "PUT", f"/rbac/roles/{found.pk}", {"permissions": ["tools.read"] if wanted else []})


def switch(world: World, client: httpx.Client, wanted: bool) -> None:
    if not world.team.memberships.filter(user=world.ann).exists():
        place(world, client, True)
    world.say(client, "PUT", world.own, {"is_active": wanted})


@pytest.mark.parametrize("change", [place, grant, role, switch])
def test_a_change_of_rights_counts_in_every_worker(gateway: GatewayProcess, change: Any) -> None:
    here, there = gateway.workers().values()
    world = World()
    until(lambda: not world.sees(here) and not world.sees(there), 5)
    for wanted in (True, False) * 2:
        change(world, here, wanted)
        assert world.sees(here) is wanted  # at once
        until(lambda wanted=wanted: world.sees(there) is wanted, 2)  # type: ignore[misc]
