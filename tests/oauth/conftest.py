"""A client of the authorization server, a person in a browser, and the steps between them."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from auth_app.models import User
from tests.builders import a_user

GATEWAY = "http://127.0.0.1:8000"
CALLBACK = "https://client.example.com/callback"
VERIFIER = "a-verifier-that-is-long-enough-for-the-rules-of-pkce"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SUBMIT_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def registered(callback: str = CALLBACK, **metadata: Any) -> dict[str, Any]:
    """A public client that has registered itself."""
    body = {"redirect_uris": [callback], "client_name": "Desk", "token_endpoint_auth_method": "none"}
    body["grant_types"] = ["authorization_code", "refresh_token"]
    answer = post_json("/oauth/register", body | metadata)
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def post_json(path: str, body: Any) -> Any:
    return Client().post(path, json.dumps(body), content_type="application/json")


@dataclass
class Person:
    """Signed in, in a browser that sends what a browser sends."""

    user: User
    browser: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def __post_init__(self) -> None:
        self.browser.force_login(self.user)

    def open(self, client: dict[str, Any], **asked: str | None) -> Any:
        return self.browser.get(address(client, **asked))

    def answer(self, client: dict[str, Any], said: str = "allow", /, **asked: str | None) -> Any:
        page = self.open(client, **asked)
        token = SUBMIT_TOKEN.search(page.content.decode())
        assert token, page.content
        form = {"answer": said, "csrfmiddlewaretoken": token[1]}
        return self.browser.post(address(client, **asked), form)

    def code(self, client: dict[str, Any], **asked: str | None) -> str:
        return returned(self.answer(client, **asked))["code"]

    def tokens(self, client: dict[str, Any], **asked: str | None) -> dict[str, Any]:
        answer = exchange(client, self.code(client, **asked))
        assert answer.status_code == 200, answer.content
        return dict(answer.json())


def address(client: dict[str, Any], **asked: str | None) -> str:
    """Where the client sends somebody; what is None is left out."""
    usual: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": client.get("redirect_uris", [CALLBACK])[0],
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "a-state",
        "scope": "mcp:read mcp:call",
        "resource": GATEWAY + "/mcp",
    }
    return "/oauth/authorize?" + urlencode(
        {name: value for name, value in (usual | asked).items() if value is not None}
    )


def returned(answer: Any) -> dict[str, str]:
    """What the client is told by the redirect."""
    assert answer.status_code == 303, (answer.status_code, answer.content)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def exchange(client: dict[str, Any], code: str, /, **form: str) -> Any:
    usual = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    usual |= {"client_id": client["client_id"], "redirect_uri": client["redirect_uris"][0]}
    return Client().post("/oauth/token", usual | form)


def refresh(client: dict[str, Any], refresh_token: str, /, **form: str) -> Any:
    usual = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client["client_id"]}
    return Client().post("/oauth/token", usual | form)


@pytest.fixture
def ann(db: None) -> Person:
    return Person(a_user("ann@example.com"))
