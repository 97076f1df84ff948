"""Letters: what reaches a mail server, and what becomes of them without one."""

import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import environ
import pytest
from pytest_django import Settings

from auth_app import mail
from gatewaysite import mailers
from proxy_app.dataplane.lines import line_of

LETTER = {
    "team_name": "R&D", "invited_by": "ann@example.com", "role": "member", "site": "https://gateway.example.com",
    "url": "https://gateway.example.com/admin/invitations/inv-x", "expires_at": "2030-01-01 00:00",
}  # fmt: skip


class Server(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a letter needs; a silent one says nothing at all."""

    daemon_threads = True

    def __init__(self, *, silent: bool = False) -> None:
        self.silent, self.heard = silent, list[str]()
        self.over = threading.Event()
        super().__init__(("127.0.0.1", 0), Conversation)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class Conversation(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        if self.server.silent:
            self.server.over.wait(5)
            return
        self.wfile.write(b"220 here\r\n")
        in_letter = False
        for line in self.rfile:
            text = line.decode().rstrip("\r\n")
            self.server.heard.append(text)
            if in_letter and text != ".":
                continue
            in_letter = text == "data"
            self.wfile.write(b"354 go on\r\n" if in_letter else b"250 ok\r\n")
            if text == "quit":
                return


@pytest.fixture
def server(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Server]:
    made = Server(silent=getattr(request, "param", False))
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    settings.MAILERS = mailers.mailers_of(environ.Env.email_url_config(made.url))
    yield made
    made.over.set()
    made.shutdown()
    made.server_close()


def test_a_letter_reaches_the_mail_server(server: Server) -> None:
    assert mail.send("invitation", "ben@example.com", LETTER) is True
    assert {"Subject: You are invited to the team R&D", "To: ben@example.com"} <= set(server.heard)
    assert any(LETTER["url"] in line for line in server.heard)


@pytest.mark.parametrize("server", [True], indirect=True)
def test_a_mail_server_that_says_nothing_is_not_waited_for_long(server: Server, settings: Settings) -> None:
    options = settings.MAILERS["default"]["OPTIONS"] | {"timeout": 0.1}
    settings.MAILERS = {"default": settings.MAILERS["default"] | {"OPTIONS": options}}
    assert mail.send("invitation", "ben@example.com", LETTER) is False
    assert 1 <= mailers.TIMEOUT_S <= 10


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("smtp+tls://ann:p%40ss@mail.example.com:587", {"host": "mail.example.com", "port": 587, "username": "ann",
                                                       "password": "p@ss", "use_tls": True, "use_ssl": False}),
        ("smtp+ssl://mail.example.com:465", {"port": 465, "use_tls": False, "use_ssl": True}),
        ("smtp://localhost", {"host": "localhost", "port": 25}),
        ("filemail:///var/mail", {"file_path": "/var/mail"}),
        ("consolemail://", {}),
    ],
)  # fmt: skip
def test_a_url_says_where_letters_go(url: str, told: dict[str, Any]) -> None:
    (found,) = mailers.mailers_of(environ.Env.email_url_config(url)).values()
    assert found["OPTIONS"].items() >= told.items()
    assert ("timeout" in found["OPTIONS"]) is url.startswith("smtp")


@pytest.mark.parametrize(
    ("method", "path", "line"),
    [
        ("POST", "/teams", "waiting"),
        ("POST", "/v1/teams/x/invitations", "waiting"),
        ("POST", "/admin/teams/new", "waiting"),
        ("POST", "/admin/teams/x/invitations", "waiting"),
        ("GET", "/teams", "main"),
        ("POST", "/teams/x/members", "main"),
    ],
)
def test_what_waits_for_the_mail_server_keeps_no_other_request_waiting(method: str, path: str, line: str) -> None:
    assert line_of({"method": method, "path": path, "headers": []}) == line
