"""The load's own clients, against a gateway that is none: how many there are, and what they leave behind."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from proxy_app.observe.attest import load as loads
from proxy_app.observe.attest.load import Load, Plan


class Stub(BaseHTTPRequestHandler):
    """Answers everything well, but refuses to delete for as often as it is told to."""

    protocol_version = "HTTP/1.1"
    refuses = 0
    deleted: list[str]

    def answer(self, status: int = 200) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"id": "scratch-1", "result":{}}</html>' if self.path != "/servers" else b'{"id": "scratch-1"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer(201 if self.path == "/servers" else 200)

    def do_DELETE(self) -> None:
        stub = type(self)
        stub.refuses -= 1
        if stub.refuses < 0:
            stub.deleted.append(self.path)
        self.answer(503 if stub.refuses >= 0 else 200)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def a_gateway(refuses: int = 0) -> Iterator[tuple[str, type[Stub]]]:
    stub = type("OneStub", (Stub,), {"refuses": refuses, "deleted": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), stub) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}", stub
        server.shutdown()
        serving.join()


def run(url: str, clients: int = 1) -> dict[str, Any]:
    """A load until something was written, and what is said of it. There is one client of each sort at least."""
    load, over = Load(Plan(url=url, token="token", clients=clients, pause_s=0.02)), threading.Event()
    loading = threading.Thread(target=load.run, args=(over,))
    loading.start()
    over.wait(0.4)
    over.set()
    loading.join()
    load.clean_up()
    return load.as_plain()


def test_what_the_writers_made_is_deleted_however_often_the_gateway_refuses() -> None:
    with a_gateway(refuses=2) as (url, stub):
        told = run(url)
    assert (told["left_behind"], stub.deleted) == ([], ["/servers/scratch-1"])
    assert (told["clients"], told["clients_wanted"], told["failed"]) == (6, 6, 0)
    assert told["requests"] > 6


def test_what_cannot_be_deleted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "CLEAN_UP_WITHIN_S", 0.5)
    with a_gateway(refuses=1_000) as (url, stub):
        told = run(url)
    assert (told["left_behind"], stub.deleted) == (["scratch-1"], [])


def test_only_the_clients_that_could_be_started_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the load goes on, and ends when it is told to."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def start_a_few(thread: threading.Thread) -> None:
        if thread.name.startswith("load-"):
            if len(started) == 4:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_a_few)
    with a_gateway() as (url, _):
        told = run(url, clients=20)
    assert (told["clients"], told["clients_wanted"]) == (4, 20)
    assert not any(thread.is_alive() for thread in started)
