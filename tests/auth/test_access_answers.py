"""The answers of teams and roles are what the OpenAPI document says."""

from typing import Any

import pytest

from auth_app.models import Role
from proxy_app.registry.openapi import build
from tests.auth.test_teams import send
from tests.auth.test_tokens import signed_in
from tests.builders import a_grant, a_role, a_team, a_user, an_admin
from tests.registry.test_openapi import answer_schema, check

pytestmark = pytest.mark.django_db


def test_answers_are_what_the_document_says() -> None:
    whole = build()
    admin, ann = an_admin("admin@example.com"), a_user("ann@example.com")
    client, hers = signed_in(admin), signed_in(ann)

    def ask(client: Any, method: str, pattern: str, body: Any = None, query: str = "", **keys: str) -> Any:
        path = pattern.format(**keys)
        answer = send(client, method, path + query, body)
        assert answer.status_code in (200, 201), answer.content
        check(answer.json(), answer_schema(whole, pattern, method, answer.status_code), whole)
        return answer.json()

    seeds = [{"email": "ben@example.com"}]
    key = ask(client, "post", "/teams", {"name": "Blue", "visibility": "public", "members": seeds})["id"]
    a_team("Red", visibility="public")
    ask(client, "get", "/teams")
    ask(client, "get", "/teams", query="?include_pagination=true&limit=1")
    ask(hers, "get", "/teams/discover")
    ask(client, "get", "/teams/{key}", key=key)
    ask(client, "put", "/teams/{key}", {"description": "d"}, key=key)
    ask(client, "get", "/teams/{key}/invitations", key=key)
    ask(client, "post", "/teams/{key}/invitations", {"email": "eve@example.com"}, key=key)
    ask(signed_in(a_user("eve@example.com")), "get", "/users/me/invitations")
    request = ask(hers, "post", "/teams/{key}/join", {"message": "please"}, key=key)["id"]
    ask(client, "get", "/teams/{key}/join-requests", key=key)
    ask(client, "post", "/teams/{key}/join-requests/{request_key}/approve", key=key, request_key=request)
    ask(client, "get", "/teams/{key}/members", key=key)
    ask(client, "get", "/teams/{key}/members", key=key, query="?include_pagination=true")
    ask(client, "put", "/teams/{key}/members/{email}", {"role": "viewer"}, key=key, email="ann@example.com")
    ask(client, "post", "/teams/{key}/transfer", {"email": "ann@example.com"}, key=key)
    ask(client, "delete", "/teams/{key}/leave", key=key)
    a_grant(ann, a_role())
    made = ask(client, "post", "/rbac/roles", {"name": "ops", "scope": "global", "permissions": ["*.read"]})["id"]
    ask(client, "get", "/rbac/roles")
    ask(client, "get", "/rbac/roles/{key}", key=made)
    ask(client, "put", "/rbac/roles/{key}", {"permissions": []}, key=made)
    body = {"role_id": str(Role.objects.get(name="platform_viewer").pk), "scope": "global"}
    ask(client, "post", "/rbac/users/{email}/roles", body, email="ann@example.com")
    ask(client, "get", "/rbac/users/{email}/roles", email="ann@example.com")
    ask(hers, "get", "/rbac/my/roles")
    ask(hers, "get", "/rbac/my/permissions")
    ask(hers, "get", "/rbac/permissions/available")
    ask(client, "get", "/rbac/permissions/user/{email}", email="ann@example.com")
    ask(client, "delete", "/rbac/roles/{key}", key=made)
    ask(client, "delete", "/teams/{key}", key=key)
