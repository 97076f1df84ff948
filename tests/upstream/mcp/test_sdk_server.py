"""Against the official SDK's server on a real socket, in both eras."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy_app.upstream.client import stats
from proxy_app.upstream.mcp import Answer, AnswerStream, Endpoint, call, close_sessions, complete, detect, list_all
from proxy_app.upstream.mcp.wire import Era
from tests.upstream.fakes import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("client")]

ROOT = Path(__file__).resolve().parents[3]
ERAS: list[Era] = ["modern", "legacy"]


@dataclass
class SdkServer:
    """A server process and what reached it since the test began."""

    url: str
    path: Path

    def seen(self) -> list[tuple[str, str | None, str | None]]:
        return [tuple(json.loads(line)) for line in self.path.read_text().splitlines()]

    def methods(self) -> list[str | None]:
        return [method for _, _, method in self.seen()]

    def endpoint(self, era: Era | None) -> Endpoint:
        return Endpoint(key="gw:cred", url=self.url, era=era, timeout_s=10)


@contextmanager
def running(mode: str, folder: Path) -> Iterator[SdkServer]:
    log = folder / f"{mode}.log"
    log.touch()
    command = [sys.executable, "-m", "tests.upstream.mcp.sdk_server", mode, str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield SdkServer(f"http://127.0.0.1:{int(process.stdout.readline())}/mcp", log)
        finally:
            process.kill()


@pytest.fixture(scope="module", params=["sse", "json", "stateless"])
def any_process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkServer]:
    with running(request.param, tmp_path_factory.mktemp("sdk")) as server:
        yield server


@pytest.fixture(scope="module")
def sse_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkServer]:
    with running("sse", tmp_path_factory.mktemp("sdk")) as server:
        yield server


@pytest.fixture
def any_server(any_process: SdkServer) -> SdkServer:
    any_process.path.write_text("")
    return any_process


@pytest.fixture
def sse_server(sse_process: SdkServer) -> SdkServer:
    sse_process.path.write_text("")
    return sse_process


def text_of(answer: Answer | AnswerStream) -> str:
    assert isinstance(answer, Answer)
    text: str = json.loads(answer.result or b"{}")["content"][0]["text"]
    return text


async def test_the_server_is_found_to_be_modern(any_server: SdkServer) -> None:
    found = await detect(any_server.endpoint(None))
    assert (found.era, found.protocol_version) == ("modern", "2026-07-28")
    assert (found.server_name, found.server_version, found.instructions) == (
        "poolgate-test-server",
        "3.2.1",
        "Be kind.",
    )
    assert "tools" in found.capabilities
    assert any_server.methods() == ["server/discover"]


@pytest.mark.parametrize("era", ERAS)
async def test_everything_it_offers_is_listed(any_server: SdkServer, era: Era) -> None:
    endpoint = any_server.endpoint(era)
    tools = await list_all(endpoint, "tools/list")
    assert [tool["name"] for tool in tools] == ["echo", "count", "wait", "leave_and_return"]
    assert tools[0]["inputSchema"]["properties"]["text"]["type"] == "string"
    assert [item["uri"] for item in await list_all(endpoint, "resources/list")] == ["test://greeting"]
    templates = await list_all(endpoint, "resources/templates/list")
    assert [item["uriTemplate"] for item in templates] == ["test://item/{id}"]
    assert [item["name"] for item in await list_all(endpoint, "prompts/list")] == ["ask"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_tool_a_resource_and_a_prompt_answer(any_server: SdkServer, era: Era) -> None:
    endpoint = any_server.endpoint(era)
    params = json.dumps({"name": "echo", "arguments": {"text": "grün \u2028 漢字"}}).encode()
    assert text_of(await call(endpoint, "tools/call", params, name="echo")) == "grün \u2028 漢字"
    read = await call(endpoint, "resources/read", b'{"uri":"test://item/7"}', name="test://item/7")
    assert isinstance(read, Answer)
    assert json.loads(read.result or b"")["contents"][0]["text"] == "7"
    prompt = await call(endpoint, "prompts/get", b'{"name":"ask","arguments":{"topic":"pools"}}', name="ask")
    assert isinstance(prompt, Answer)
    assert "What is pools?" in (prompt.result or b"").decode()


@pytest.mark.parametrize("era", ERAS)
async def test_a_method_it_does_not_know_is_an_error_answer(any_server: SdkServer, era: Era) -> None:
    answer = await call(any_server.endpoint(era), "no/such/method")
    assert isinstance(answer, Answer)
    assert json.loads(answer.error or b"")["code"] == -32601


@pytest.mark.parametrize("era", ERAS)
async def test_progress_comes_before_the_result(sse_server: SdkServer, era: Era) -> None:
    params = b'{"name":"count","arguments":{"to":3},"_meta":{"progressToken":"mine"}}'
    stream = await call(sse_server.endpoint(era), "tools/call", params, name="count")
    assert isinstance(stream, AnswerStream)
    messages = [message async for message in stream]
    notes = [json.loads(message.params or b"") for message in messages[:-1]]
    assert [(note["progressToken"], note["progress"]) for note in notes] == [("mine", 0), ("mine", 1), ("mine", 2)]
    assert b"done" in (messages[-1].result or b"")
    await until(lambda: stats()["connections"]["in_use"] == 0)


async def test_a_session_is_opened_once_and_used_by_all_calls(sse_server: SdkServer) -> None:
    endpoint = sse_server.endpoint("legacy")
    params = b'{"name":"echo","arguments":{"text":"x"}}'
    await asyncio.gather(*(call(endpoint, "tools/call", params, name="echo") for _ in range(40)))
    assert sse_server.methods().count("initialize") == 1
    assert sse_server.methods().count("notifications/initialized") == 1
    sessions = {session for _, session, method in sse_server.seen() if method == "tools/call"}
    assert len(sessions) == 1
    assert None not in sessions
    await close_sessions()
    assert sse_server.seen()[-1] == ("DELETE", sessions.pop(), None)


async def test_many_calls_share_few_connections(sse_server: SdkServer) -> None:
    """A stream that ends with its answer gives the connection back; it is not closed with every call."""
    endpoint = sse_server.endpoint("legacy")
    for _ in range(30):
        await call(endpoint, "tools/call", b'{"name":"echo","arguments":{"text":"x"}}', name="echo")
        await until(lambda: stats()["connections"]["in_use"] == 0)
    assert stats()["opened_total"] <= 2


async def test_a_stream_its_server_ends_early_is_taken_up_again(sse_server: SdkServer) -> None:
    endpoint = sse_server.endpoint("legacy")
    reply = await call(endpoint, "tools/call", b'{"name":"leave_and_return","arguments":{}}', name="leave_and_return")
    assert text_of(await complete(reply)) == "back"
    assert "GET" in {method for method, _, _ in sse_server.seen()}


async def test_a_session_that_expired_is_opened_again_without_the_caller_noticing(tmp_path: Path) -> None:
    params = b'{"name":"echo","arguments":{"text":"x"}}'
    with running("expiring", tmp_path) as server:
        endpoint = server.endpoint("legacy")
        assert text_of(await call(endpoint, "tools/call", params, name="echo")) == "x"
        await asyncio.sleep(1)
        assert text_of(await call(endpoint, "tools/call", params, name="echo")) == "x"
        assert server.methods().count("initialize") == 2
        await close_sessions()


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_is_left_does_not_disturb_the_next(sse_server: SdkServer, era: Era) -> None:
    endpoint = sse_server.endpoint(era)
    for _ in range(5):
        task = asyncio.create_task(
            call(endpoint, "tools/call", b'{"name":"wait","arguments":{"seconds":9}}', name="wait")
        )
        await until(lambda: stats()["connections"]["in_use"] > 0)
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    params = b'{"name":"echo","arguments":{"text":"still here"}}'
    assert text_of(await call(endpoint, "tools/call", params, name="echo")) == "still here"
    await until(lambda: stats()["in_flight"] == 0)
    if era == "legacy":
        await until(lambda: "notifications/cancelled" in sse_server.methods())
