"""Asking providers. The way out is the gateway's one upstream client, which this app does not know: it is put in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from django.conf import settings

from auth_app.sso.errors import SsoUnavailable
from gatewaysite.errors import GatewayError, Refused

# One question and its answer, from the first byte to the last.
ANSWERS_WITHIN_S = 5.0
ANSWER_LIMIT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    within_s: float = field(default_factory=lambda: ANSWERS_WITHIN_S)
    limit_bytes: int = ANSWER_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def _nowhere(_question: Question) -> Answer:
    raise Refused("This process has no way out to other servers.")


def _anything(_url: str, _field: str) -> None:
    """Where no upstream client is, no address is used either."""


class Outgoing:
    """The way out, and which addresses may be saved. proxy_app puts in both as it gets ready."""

    send: Callable[[Question], Answer] = staticmethod(_nowhere)
    check: Callable[[str, str], None] = staticmethod(_anything)


class _Room:
    """Who may wait for providers at one time: not every thread there is, and for one of them only half of these.

    So one that hangs takes neither the others' log-ins nor the pages that share these threads with them.
    """

    def __init__(self, threads: int) -> None:
        self.of_one = max(1, threads // 2)
        self.all = BoundedSemaphore(max(1, threads - 1))
        self.by_host: dict[str, BoundedSemaphore] = {}

    @contextmanager
    def take(self, host: str) -> Iterator[None]:
        one = self.by_host.setdefault(host, BoundedSemaphore(self.of_one))
        if not one.acquire(blocking=False):
            raise SsoUnavailable("Too many wait for this provider already; try again shortly.")
        try:
            if not self.all.acquire(blocking=False):
                raise SsoUnavailable("Too many wait for providers already; try again shortly.")
            try:
                yield
            finally:
                self.all.release()
        finally:
            one.release()


room = _Room(settings.CONTROL_PLANE_THREADS)


def fetch_json(url: str, headers: Mapping[str, str] | None = None) -> Any:
    """What stands there. Raises SsoUnavailable for whatever is not 200 and JSON."""
    answer = ask(Question("GET", url, {"accept": "application/json"} | dict(headers or {})))
    if answer.status != 200:
        raise SsoUnavailable(f"The provider answered {answer.status} where it should have told something.")
    return _parsed(answer)


def post_form(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, Any]:
    """Status and JSON of what a form is answered with."""
    sent = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"} | dict(headers)
    answer = ask(Question("POST", url, sent, urlencode(form).encode()))
    return answer.status, _parsed(answer)


def ask(question: Question) -> Answer:
    """Blocks the thread, which must hold no connection, for as long as the question may take."""
    with room.take(urlsplit(question.url).netloc):
        try:
            return Outgoing.send(question)
        except SsoUnavailable:
            raise
        except GatewayError as error:
            raise SsoUnavailable(f"{SsoUnavailable.__doc__} ({error.message})") from error


def _parsed(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise SsoUnavailable("The provider's answer is no JSON.") from error
