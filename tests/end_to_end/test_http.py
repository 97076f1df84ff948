"""What the whole server does with HTTP that is odd, too large, or aimed at somebody else."""

import asyncio
import json
import re

import httpx
import pytest

from auth_app.models import User
from gatewaysite.secrets import seal
from tests.builders import a_gateway, a_tool, a_user
from tests.end_to_end.raw import json_of, request_bytes, talk
from tests.gateway_process import GatewayProcess
from tests.scripted_mcp import Call, ScriptedMcp

pytestmark = pytest.mark.anyio

JSON = "Content-Type: application/json"
PING = b'{"jsonrpc":"2.0","id":"a","method":"ping"}'
LIMIT = 4 * 1024 * 1024


@pytest.mark.parametrize("path", ["/login", "/livez", "/health", "/mcp", "/nowhere", "/admin/nowhere"])
async def test_head_has_no_body(gateway: GatewayProcess, path: str) -> None:
    _, head, rest = await talk(
        gateway, request_bytes("HEAD", path, headers=("Connection: close", "Content-Length: 0")), until_closed=True
    )
    assert rest == b""
    assert " 500 " not in head.split("\r\n")[0]
    assert "no-body response" not in gateway.said()


@pytest.mark.parametrize("path", ["/mcp", "/rpc", "/gateways", "/login"])
async def test_a_body_past_the_limit_is_refused_however_it_is_framed(
    gateway: GatewayProcess, admin_token: str, path: str
) -> None:
    closing = (JSON, "Connection: close")
    announced = request_bytes("POST", path, token=admin_token, headers=(*closing, f"Content-Length: {LIMIT + 1}"))
    chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
    chunked = request_bytes("POST", path, token=admin_token, headers=(*closing, "Transfer-Encoding: chunked"))
    for request in (announced + b"x" * (LIMIT + 1), chunked + chunk * 70 + b"0\r\n\r\n"):
        status, _, body = await talk(gateway, request, until_closed=True)
        assert status == 413
        if path != "/login":
            assert b"body_too_large" in body


async def test_a_body_in_chunks_is_read(gateway: GatewayProcess, admin_token: str) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (PING[:7], PING[7:])) + b"0\r\n\r\n"
    request = request_bytes("POST", "/mcp", token=admin_token, headers=(JSON, "Transfer-Encoding: chunked"))
    status, _, body = await talk(gateway, request + chunks)
    assert (status, json_of(body)) == (200, {"jsonrpc": "2.0", "id": "a", "result": {}})


async def test_a_length_that_is_too_small_cuts_the_body_and_makes_no_second_request(
    gateway: GatewayProcess, admin_token: str
) -> None:
    request = request_bytes("POST", "/mcp", token=admin_token, body=PING, headers=(JSON, "Content-Length: 5"))
    status, _, body = await talk(gateway, request)
    assert (status, json_of(body)["error"]["code"]) == (400, -32700)


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: +5",),
        ("Transfer-Encoding: chunked, identity",),
        ("Bad Header: x", "Content-Length: 0"),
    ],
)
async def test_ambiguous_framing_is_refused(
    gateway: GatewayProcess, admin_token: str, headers: tuple[str, ...]
) -> None:
    request = request_bytes("POST", "/mcp", token=admin_token, body=b"0\r\n\r\n", headers=(JSON, *headers))
    status, _, _ = await talk(gateway, request, until_closed=True)
    assert status in (400, 501)


@pytest.mark.parametrize("path", ["/mcp", "/gateways", "/login"])
async def test_another_host_is_refused_by_both_planes(gateway: GatewayProcess, admin_token: str, path: str) -> None:
    request = request_bytes("POST", path, token=admin_token, body=PING, headers=(JSON,), host="evil.example.com")
    status, _, _ = await talk(gateway, request)
    assert status == 400


@pytest.mark.parametrize(
    "path",
    ["/servers/%2e%2e/mcp", "/servers/a%2Fb/mcp", "/servers/%00/mcp", "/%2e%2e/mcp", "/servers/x/mcp/../../../mcp"],
)
async def test_odd_paths_never_lead_to_everything(gateway: GatewayProcess, admin_token: str, path: str) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    status, _, answer = await talk(gateway, request_bytes("POST", path, token=admin_token, body=body, headers=(JSON,)))
    assert status in (400, 404)
    assert b'"tools"' not in answer


async def test_a_web_socket_is_refused(gateway: GatewayProcess) -> None:
    headers = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
    status, _, _ = await talk(gateway, request_bytes("GET", "/mcp", headers=headers))
    assert status == 401


async def test_many_requests_share_one_connection(gateway: GatewayProcess, admin_token: str) -> None:
    request = request_bytes("POST", "/mcp", token=admin_token, body=PING, headers=(JSON,))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request * 20)
    async with asyncio.timeout(10):
        for _ in range(20):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(re.findall(r"content-length: (\d+)", head, re.IGNORECASE)[0])
            assert json.loads(await reader.readexactly(length))["id"] == "a"
    writer.transport.abort()


def test_a_person_signs_in_looks_around_and_signs_out(gateway: GatewayProcess, db: None) -> None:
    person: User = a_user("person@example.com")
    person.set_password("correct horse battery")
    person.save()
    with httpx.Client(base_url=gateway.url, timeout=20) as browser:
        sent_away = browser.get("/admin")
        assert (sent_away.status_code, sent_away.headers["location"]) == (303, "/login?next=%2Fadmin")

        def submit(path: str, page: str, **fields: str) -> httpx.Response:
            token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(page).text)[0]
            headers = {"origin": gateway.url}
            return browser.post(path, data={"csrfmiddlewaretoken": token} | fields, headers=headers)

        wrong = submit("/login", "/login", login="person@example.com", password="wrong")
        assert wrong.status_code == 422
        fields = {"login": "person@example.com", "password": "correct horse battery", "next": "/admin/tools"}
        right = submit("/login", "/login", **fields)
        assert (right.status_code, right.headers["location"]) == (303, "/admin/tools")
        assert browser.get("/admin/tools").status_code == 200
        assert browser.get("/gateways").status_code == 200  # the JSON endpoints know the session too
        assert browser.get("/admin/nowhere").status_code == 404
        assert submit("/logout", "/admin/tools").status_code == 302
        assert browser.get("/admin/tools").status_code == 303


async def test_no_secret_is_written_into_the_log(gateway: GatewayProcess, admin_token: str) -> None:
    async def echo_what_it_was_sent(call: Call) -> None:
        await call.answer(500, json.dumps(call.headers).encode(), "text/plain")

    def fill(url: str) -> None:
        sealed = seal({"Authorization": "Bearer canary-of-the-upstream"})
        a_tool("echo", gateway=a_gateway("gw", url=url, era="legacy", sealed_headers=sealed))

    async with ScriptedMcp(echo_what_it_was_sent) as upstream:
        await asyncio.to_thread(fill, upstream.url)
        params = b'{"name":"gw-echo","arguments":{"a":"canary-argument"}}'
        body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + params + b"}"
        request = request_bytes("POST", "/mcp", token=admin_token, body=body, headers=(JSON,))
        _, _, answer = await talk(gateway, request)
    assert json_of(answer)["error"]["data"] == {"code": "upstream_status"}
    await talk(gateway, request_bytes("POST", "/login", body=b"password=canary-password", headers=(JSON,)))
    for secret in ("canary", admin_token):
        assert secret not in gateway.said()
        assert secret.encode() not in answer


def test_no_answer_of_the_whole_suite_was_a_bug(gateway: GatewayProcess, admin_token: str) -> None:
    """The log so far: errors are for bugs and for what is lost."""
    for path in ("/tools", "/admin/tools", "/openapi.json", "/nowhere"):
        assert gateway.get(path, admin_token).status_code < 500
    lines = [json.loads(line) for line in gateway.said().splitlines() if line.startswith("{")]
    bugs = [line for line in lines if line.get("level") in ("error", "critical") and "exception" in line]
    assert [line["event"] + line["exception"][-500:] for line in bugs] == []


@pytest.mark.parametrize("path", ["/nowhere", "/tools", "/login", "/mcp", "/admin/gateways", "/gateways"])
async def test_a_query_string_is_never_logged(gateway: GatewayProcess, admin_token: str, path: str) -> None:
    secret = f"canary{path.replace('/', '-')}"
    for method in ("GET", "POST"):
        for token in ("", admin_token):
            await talk(gateway, request_bytes(method, f"{path}?access_token={secret}", token=token))
    assert f": {path}" in gateway.said() or path == "/mcp"  # the refusals themselves are logged
    assert secret not in gateway.said()
