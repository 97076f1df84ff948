"""How an upstream is, as two workers know it together; and new connections, asked for from one and made by both."""

import re
import time
from collections.abc import Callable

import httpx

from auth_app.models import User
from tests.end_to_end.conftest import registered
from tests.end_to_end.test_connections import signed_in
from tests.end_to_end.test_workers import bearer, metric, tools
from tests.gateway_process import GatewayProcess

CALLS = 5
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "twofold-echo", "arguments": {"text": "x"}},
}


def call(client: httpx.Client, token: str) -> None:
    answer = client.post("/mcp", json=CALL, headers=bearer(token))
    assert answer.json()["result"]["content"][0]["text"] == "x", answer.text


def until(happened: Callable[[], bool], within_s: float = 10) -> None:
    give_up_at = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.05)


def test_both_workers_are_shown_together_and_both_get_new_connections_from_one_form(
    gateway: GatewayProcess, admin: User, admin_token: str, demo: str
) -> None:
    key = registered(gateway, admin_token, demo, name="twofold")["id"].replace("-", "")
    workers = gateway.workers()
    for client in workers.values():
        until(lambda client=client: "twofold-echo" in tools(client, admin_token))  # type: ignore[misc]
        for _ in range(CALLS):
            call(client, admin_token)
    page = f"/admin/upstreams/{key}"
    with signed_in(gateway, admin) as browser:
        # Whichever worker answers, it knows of the other's calls after a second.
        until(lambda: all(process_of(pid) in browser.get(page).text for pid in workers))
        assert '<span class="state ok">healthy</span>' in browser.get("/admin/upstreams").text

        form = {"csrfmiddlewaretoken": token_in(browser.get(page).text)}
        answer = browser.post(f"{page}/recreate", data=form, follow_redirects=True)
        assert (answer.status_code, str(answer.url.path)) == (200, page)
        assert "Every process was told." in answer.text

        def all_have_new_ones() -> bool:
            for client in workers.values():
                call(client, admin_token)
            return browser.get(page).text.count("generation 2<small>") == len(workers)

        until(all_have_new_ones)
        assert admin.email in browser.get(page).text

    def requests() -> float:
        metrics = gateway.get("/metrics", admin_token).text
        return metric(metrics, 'gateway_upstream_requests_total{upstream="twofold"}')

    until(lambda: requests() >= 2 * CALLS + 2)


def process_of(pid: int) -> str:
    return f":{pid}<small"


def token_in(page: str) -> str:
    found = re.search(r'recreate"><input type="hidden" name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found
    return found[1]
