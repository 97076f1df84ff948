"""The gateway as its operator sees it from outside: is it ready, what is registered, how do its workers look inside."""

import http.client
import json
import re
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

READY_WITHIN_S = 60.0
REGISTERED_WITHIN_S = 30.0
TRIES = 200
# Workers tell each other twice a second how they stand.
TOLD_WITHIN_S = 1.0


class GatewayFailed(Exception):
    """The gateway did not do what the load test asked of it."""


@dataclass(frozen=True)
class Gateway:
    """Where it listens, and the credentials of its administrator."""

    host: str
    port: int
    token: str
    email: str
    password: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """One request on a connection of its own, so that any worker may answer."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """Ask as the administrator; the decoded answer. Raises GatewayFailed for anything but a 2xx."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        payload = None if body is None else json.dumps(body).encode()
        status, _, answer = self.ask(method, path, payload, headers)
        if not 200 <= status < 300:
            raise GatewayFailed(f"{method} {path} was answered {status}: {answer[:500].decode(errors='replace')}")
        return json.loads(answer)


def connection_routes(gateway: Gateway) -> list[dict[str, Any]]:
    """Per route, how long database connections were held since the gateway started, all workers together."""
    time.sleep(TOLD_WITHIN_S)
    rows: list[dict[str, Any]] = gateway.json("GET", "/ops/connections")["routes"]
    return rows


def wait_ready(gateway: Gateway, alive: Callable[[], bool], workers: int) -> None:
    """Until every worker answers."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and alive():
        try:
            if gateway.ask("GET", "/readyz")[0] == 200 and len(worker_states(gateway, workers)) == workers:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.1)
    raise GatewayFailed("The gateway did not become ready.")


def worker_states(gateway: Gateway, workers: int) -> dict[int, dict[str, Any]]:
    """/health of each worker by process id: asked until all have been met, or it has been tried often enough."""
    states: dict[int, dict[str, Any]] = {}
    for _ in range(TRIES):
        state = json.loads(gateway.ask("GET", "/health")[2])
        states[state["process"]] = state
        if len(states) == workers:
            break
    return states


def register(gateway: Gateway, name: str, url: str, **values: Any) -> dict[str, Any]:
    """Register an upstream and wait until the gateway's own job has imported its tools."""
    created = gateway.json("POST", "/gateways", {"name": name, "url": url, "visibility": "public"} | values)
    deadline = time.monotonic() + REGISTERED_WITHIN_S
    while time.monotonic() < deadline:
        row: dict[str, Any] = gateway.json("GET", f"/gateways/{created['id']}")
        if row["status"] != "pending":
            break
        time.sleep(0.1)
    if row["status"] != "active":
        raise GatewayFailed(f"Registering {url} ended as {row['status']}: {row['statusMessage']}")
    return row


def log_in(gateway: Gateway) -> str:
    """The Cookie header of a signed-in administrator, got through the form as a browser gets it."""
    _, headers, page = gateway.ask("GET", "/login")
    cookies = _cookies(headers)
    found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    if found is None:
        raise GatewayFailed("The log-in page has no form.")
    form = {"csrfmiddlewaretoken": found[1].decode(), "login": gateway.email, "password": gateway.password}
    status, headers, _ = gateway.ask(
        "POST",
        "/login",
        urllib.parse.urlencode(form).encode(),
        {"Content-Type": "application/x-www-form-urlencoded", "Cookie": _joined(cookies), "Origin": gateway.url},
    )
    if status != 303:
        raise GatewayFailed(f"Logging in was answered {status}.")
    return _joined(cookies | _cookies(headers))


def _cookies(headers: list[tuple[str, str]]) -> dict[str, str]:
    pairs = (value.split(";", 1)[0].partition("=") for name, value in headers if name.lower() == "set-cookie")
    return {name: value for name, _, value in pairs}


def _joined(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
