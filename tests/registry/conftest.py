"""People and what they can see, for the tests of the registry family."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from auth_app.models import Membership, Team, User
from proxy_app.registry.kinds import KINDS
from tests.builders import (
    a_gateway,
    a_membership,
    a_prompt,
    a_resource,
    a_route,
    a_server,
    a_team,
    a_token,
    a_tool,
    a_user,
    an_agent,
)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)

BUILDERS: dict[str, Callable[..., Any]] = {
    "servers": a_server,
    "tools": a_tool,
    "resources": a_resource,
    "prompts": a_prompt,
    "gateways": a_gateway,
    "agents": an_agent,
    "routes": a_route,
}


class Caller:
    """A client of the JSON endpoints: signed in with a token, or with none at all."""

    def __init__(self, user: User | None = None) -> None:
        self.user = user
        self.authorization = f"Bearer {a_token(user)}" if user else ""
        headers = {"Authorization": self.authorization} if user else {}
        self._client = Client(headers=headers, REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="pytest")

    def get(self, path: str, **parameters: Any) -> Any:
        return self._client.get(path, parameters)

    def post(self, path: str, body: Any = None, **extra: Any) -> Any:
        return self._client.post(path, body, content_type="application/json", **extra)

    def put(self, path: str, body: Any) -> Any:
        return self._client.put(path, body, content_type="application/json")

    def delete(self, path: str) -> Any:
        return self._client.delete(path)

    def send(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json", **extra: Any
    ) -> Any:
        return self._client.generic(method, path, body, content_type, **extra)


@dataclass
class People:
    """One of each standing towards the team: owner, member, one who may only look, a stranger, an administrator."""

    team: Team
    owner: Caller
    member: Caller
    viewer: Caller
    stranger: Caller
    admin: Caller

    def all(self) -> dict[str, Caller]:
        names = ("owner", "member", "viewer", "stranger", "admin")
        return {name: getattr(self, name) for name in names}


@pytest.fixture
def people(db: None) -> People:
    owner, member, viewer, stranger = (
        a_user(f"{name}@example.com") for name in ("owner", "member", "viewer", "stranger")
    )
    team = a_team("Blue", owner=owner, members=(member,))
    a_membership(team, viewer, Membership.Role.VIEWER)
    admin = a_user("admin@example.com", admin=True)
    return People(team, *(Caller(user) for user in (owner, member, viewer, stranger, admin)))


@pytest.fixture
def admin(people: People) -> Caller:
    return people.admin


def an_item(kind_slug: str, /, **values: Any) -> Any:
    """A row of this kind with a name of its own."""
    return BUILDERS[kind_slug](**values)


def alone(kind_slug: str, /, **values: Any) -> Any:
    """The same, without what comes along with one of its kind."""
    return an_item(kind_slug, **values, **({"with_tool": False} if kind_slug == "agents" else {}))
