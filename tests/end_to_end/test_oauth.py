"""People who connect to a real protected MCP server through the real gateway: two workers, one refresh."""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import Client

from auth_app.models import User
from proxy_app.models import OAuthConnection
from tests.builders import a_token, a_user
from tests.end_to_end.conftest import registered
from tests.gateway_process import GatewayProcess, _accepts, free_port, program, wait_for


@dataclass
class Protected:
    """The MCP SDK's own resource server and authorization server, as one program."""

    base: str

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = httpx.get(f"{self.base}/counts").json()
        return found

    def control(self, **wanted: Any) -> None:
        assert httpx.post(f"{self.base}/control", json=wanted).status_code == 200


@pytest.fixture
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protected]:
    port, log = free_port(), tmp_path_factory.mktemp("protected") / "log"
    with program([sys.executable, "-m", "tests.protected_mcp", str(port)], log, {}) as process:
        wait_for(lambda: _accepts(port), process, log)
        yield Protected(f"http://127.0.0.1:{port}")


@dataclass
class Person:
    user: User
    token: str
    cookies: dict[str, str]

    def browse(self, url: str) -> httpx.Response:
        return httpx.get(url, cookies=self.cookies, timeout=20)

    def connect(self, gateway: GatewayProcess, key: str) -> httpx.Response:
        """Follow every redirect as a browser does, logging in there under one's own address."""
        away = self.browse(f"{gateway.url}/oauth/authorize/{key}")
        assert away.status_code == 303, away.text
        back = away.headers["location"]
        while not back.startswith(gateway.url):
            back = httpx.get(back, cookies={"as": self.user.email}, timeout=20).headers["location"]
        return self.browse(back)

    def whoami(self, worker: httpx.Client) -> str:
        params = {"name": "notes-whoami", "arguments": {}}
        answer = worker.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
            headers={"authorization": f"Bearer {self.token}", "accept": "application/json, text/event-stream"},
        )
        text = answer.json()["result"]["content"][0]["text"]
        return str(json.loads(text)["who"]) if text.startswith("{") else text


def a_person(email: str) -> Person:
    user = a_user(email)
    browser = Client()
    browser.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return Person(user, a_token(user), {name: browser.cookies[name].value})


def test_two_people_call_as_themselves_and_fifty_calls_in_two_workers_refresh_once(
    gateway: GatewayProcess, admin_token: str, protected: Protected
) -> None:
    values = {"name": "notes", "auth_type": "oauth", "oauth_config": {}}
    row = registered(gateway, admin_token, f"{protected.base}/mcp", **values)
    assert row["status"] == "unconnected"
    ann, bob = a_person("ann@example.com"), a_person("bob@example.com")
    assert "Connected to notes" in ann.connect(gateway, row["id"]).text
    assert "Connected to notes" in bob.connect(gateway, row["id"]).text
    gateway.until(f"/gateways/{row['id']}", lambda answer: answer.json()["toolCount"] == 1, 30, token=admin_token)

    workers = list(gateway.workers().values())
    for worker in workers:
        assert [ann.whoami(worker), bob.whoami(worker)] == ["ann@example.com", "bob@example.com"]

    before = protected.counts().get("refresh", 0)
    protected.control(end_all=True, slow_s=0.3)
    with ThreadPoolExecutor(50) as threads, ExitStack() as stack:
        # Connections of their own, so that both workers have some.
        clients = [stack.enter_context(httpx.Client(base_url=gateway.url, timeout=30)) for _ in range(50)]
        assert list(threads.map(ann.whoami, clients)) == ["ann@example.com"] * 50
    assert [ann.whoami(worker) for worker in workers] == ["ann@example.com"] * 2
    counts = protected.counts()
    assert counts["refresh"] - before == 1
    assert "reused" not in counts
    assert bob.whoami(workers[0]) == "bob@example.com"
    assert protected.counts()["refresh"] - before == 2
    assert OAuthConnection.objects.get(user=ann.user).version == 2


def test_a_disconnected_person_is_refused_by_every_worker(
    gateway: GatewayProcess, admin_token: str, protected: Protected
) -> None:
    values = {"name": "notes", "auth_type": "oauth", "oauth_config": {}}
    row = registered(gateway, admin_token, f"{protected.base}/mcp", **values)
    ann = a_person("ann@example.com")
    ann.connect(gateway, row["id"])
    gateway.until(f"/gateways/{row['id']}", lambda answer: answer.json()["toolCount"] == 1, 30, token=admin_token)
    workers = list(gateway.workers().values())
    assert [ann.whoami(worker) for worker in workers] == ["ann@example.com"] * 2
    answer = httpx.delete(
        f"{gateway.url}/oauth/connections/{row['id']}", headers={"authorization": f"Bearer {ann.token}"}
    )
    assert answer.status_code == 200
    for worker in workers:
        until_refused(ann, worker)


def until_refused(person: Person, worker: httpx.Client) -> None:
    give_up_at = time.monotonic() + 5
    while "You are not connected" not in (said := person.whoami(worker)):
        assert time.monotonic() < give_up_at, said
        time.sleep(0.05)
