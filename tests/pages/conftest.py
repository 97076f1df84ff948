"""People who look at pages, without a browser."""

from typing import Any

import pytest
from django.test import Client

from auth_app.models import User
from tests.builders import a_user, an_admin


class Visitor:
    """Somebody signed in, who opens pages and sends forms."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.client = Client(REMOTE_ADDR="203.0.113.7", headers={"user-agent": "pytest"})
        self.client.force_login(user)

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers)

    def post(self, path: str, form: dict[str, Any] | None = None) -> Any:
        return self.client.post(path, form or {})

    def text(self, path: str, **headers: str) -> str:
        answer = self.get(path, **headers)
        assert answer.status_code == 200, answer.content
        return str(answer.content.decode())


@pytest.fixture
def admin(db: None) -> Visitor:
    return Visitor(an_admin("admin@example.com"))


@pytest.fixture
def guest(db: None) -> Visitor:
    """Signed in, a member of no team, no administrator."""
    return Visitor(a_user("guest@example.com"))


@pytest.fixture
def anonymous(db: None) -> Client:
    return Client()
