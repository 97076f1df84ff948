"""Tools of a real HTTP service, imported by its own document over the network and called by the official SDK."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from mcp.types import TextContent

from proxy_app.models import Tool
from tests.end_to_end.test_sdk_clients import connected, every_mode
from tests.gateway_process import GatewayProcess
from tests.rest.petstore import document

pytestmark = pytest.mark.anyio


class Petstore(BaseHTTPRequestHandler):
    """Has its document at /openapi.json, lists pets, and makes what it is sent; with a key only."""

    def do_GET(self) -> None:
        if self.path == "/openapi.json":
            self._answer(200, document(servers=[{"url": "/v1"}]))
        elif self.path.startswith("/v1/pets?"):
            self._answer(200, {"path": self.path, "pets": [{"id": 7, "name": "Rex"}]})
        else:
            self._answer(404, {"error": "no such pet"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["X-Api-Key"] != "s3cret":
            self._answer(401, {"error": "no key"})
        else:
            self._answer(201, {"id": 8, **body})

    def _answer(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def petstore() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Petstore)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def imported(gateway: GatewayProcess, token: str, petstore: str, **body: Any) -> Any:
    answer = httpx.post(
        f"{gateway.url}/tools/import-openapi",
        json={"url": f"{petstore}/openapi.json", **body},
        headers={"authorization": f"Bearer {token}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


@every_mode
async def test_a_service_is_imported_by_its_address_and_its_tools_are_called(
    gateway: GatewayProcess, admin_token: str, petstore: str, mode: str
) -> None:
    found = await asyncio.to_thread(
        lambda: imported(
            gateway, admin_token, petstore, apply=True, operations=["listPets", "createPet", "getPet"],
            auth_type="authheaders", auth_header_key="X-Api-Key", auth_header_value="s3cret",
        )
    )  # fmt: skip
    assert found["counts"]["created"] == 3
    assert await asyncio.to_thread(Tool.objects.count) == 3
    async with connected(f"{gateway.url}/mcp", admin_token, mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"list-pets", "create-pet", "get-pet"}
        assert tools["list-pets"].annotations is not None
        listed = await client.call_tool("list-pets", {"limit": 3, "filter_tag": ["a", "b"]})
        assert listed.structured_content == {
            "path": "/v1/pets?limit=3&filter%5Btag%5D=a&filter%5Btag%5D=b",
            "pets": [{"id": 7, "name": "Rex"}],
        }
        made = await client.call_tool("create-pet", {"name": "Bo", "category": {"title": "dog"}})
        assert made.structured_content == {"id": 8, "name": "Bo", "category": {"title": "dog"}}
        missing = await client.call_tool("get-pet", {"id": 9})
        assert missing.is_error
        said = [block.text for block in missing.content if isinstance(block, TextContent)]
        assert said == ["The API answered with status 404. It said:", '{"error": "no such pet"}']
        wrong = await client.call_tool("get-pet", {"id": "nine"})
        assert wrong.is_error


def test_a_change_of_a_tool_is_followed_by_every_worker(
    gateway: GatewayProcess, admin_token: str, petstore: str
) -> None:
    found = imported(gateway, admin_token, petstore, apply=True, operations=["listPets"])
    tool_id = next(one["toolId"] for one in found["operations"] if one["toolId"])
    headers = {"authorization": f"Bearer {admin_token}"}
    httpx.put(f"{gateway.url}/tools/{tool_id}", json={"jsonpathFilter": ".pets[0].name"}, headers=headers)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list-pets"}}
    call["params"]["arguments"] = {"limit": 1}  # type: ignore[index]
    for client in gateway.workers().values():
        gateway_wait(client, call, headers, '"Rex"')


def gateway_wait(client: httpx.Client, call: Any, headers: dict[str, str], text: str) -> None:
    """Ask this worker until it says so; a change is known everywhere within a second or two."""
    for _ in range(100):
        answer = client.post("/mcp", json=call, headers=headers).json()
        if answer.get("result", {}).get("content") == [{"type": "text", "text": text}]:
            return
    raise AssertionError(answer)
