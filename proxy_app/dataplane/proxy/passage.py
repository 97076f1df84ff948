"""One request on its way through a proxy route, from its caller to the record of how it ended."""

import re
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import httpx
from prometheus_client import Histogram

from gatewaysite.errors import GatewayError
from proxy_app.dataplane.proxy.answer import headers_of
from proxy_app.dataplane.proxy.request import InvalidHeader, Streamed, build
from proxy_app.dataplane.recorded import Recorded
from proxy_app.observe.metrics import PROXY_REQUESTS
from proxy_app.observe.recorder import recorder
from proxy_app.observe.records import CallRecord
from proxy_app.snapshot.entries import RouteEntry
from proxy_app.upstream import client
from proxy_app.upstream.bodies import body_of, iter_body
from proxy_app.upstream.errors import UpstreamUnreachable, UpstreamUnsendable
from proxy_app.upstream.passing import RawHeaders

PATH_LIMIT = 500
NOT_IN_A_HEADER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f-\xff]")


@dataclass(slots=True)
class Passage(Recorded):
    """`rest` is the path behind the route's prefix, as it was sent and checked."""

    route: RouteEntry
    method: str
    rest: str
    query: bytes
    # Filled in on the way, for the record.
    request_bytes: int = 0
    response_bytes: int = 0
    status: int | None = None

    async def send(self, headers: RawHeaders, body: bytes | Streamed) -> "Answer":
        """The upstream's answer, its body unread. Raises GatewayError; then nothing is left open."""
        if not self.route.readable:
            raise UpstreamUnreachable("The stored credential or key of this route cannot be read; set it again.")
        if isinstance(body, Streamed) and body.length is not None:
            headers = [*headers, (b"content-length", b"%d" % body.length)]
        await self.admitted.count(self.route.rates)
        request = build(self.route, self.method, self.rest, self.query, headers, body)
        began = time.perf_counter()
        try:
            response = await client.send(request, share=self.actor.share[1])
        except UpstreamUnsendable as error:
            raise _why_unsendable(headers) from error
        finally:
            self.request_bytes = body.size if isinstance(body, Streamed) else len(body)
        self.upstream_s = time.perf_counter() - began
        try:
            passed = headers_of(self.route, response)
        except BaseException:
            body_of(response).close()
            raise
        return Answer(response, passed)

    def ended(self) -> None:
        """Count it and record it. Called once, however it ended."""
        seconds = self.elapsed_s
        _histogram(self.route.slug, self.outcome).observe(seconds)
        recorder.add(self._record(seconds))

    def _record(self, seconds: float) -> CallRecord:
        return self.common_record(self.method, seconds)._replace(
            route_id=self.route.id,
            path=self.rest[:PATH_LIMIT],
            status=self.status,
            request_bytes=self.request_bytes,
            response_bytes=self.response_bytes,
        )


@dataclass(slots=True)
class Answer:
    """What the upstream said, and the headers of it that pass."""

    response: httpx.Response
    headers: RawHeaders

    @property
    def status(self) -> int:
        return self.response.status_code

    def whole(self) -> bytes | None:
        """The whole body when it is here already."""
        return body_of(self.response).read_if_complete()

    def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it arrives. Raises UpstreamError where it breaks off."""
        return cast("AsyncGenerator[bytes]", iter_body(self.response))

    def close(self) -> None:
        body_of(self.response).close()


def _why_unsendable(headers: RawHeaders) -> GatewayError:
    """A header of the client's, or the route's own URL; the latter cannot be stored and is no caller's business."""
    ours = UpstreamUnreachable("The upstream of this route cannot be reached.")
    return InvalidHeader() if any(NOT_IN_A_HEADER.search(value) for _name, value in headers) else ours


@lru_cache(maxsize=4096)
def _histogram(route: str, outcome: str) -> Histogram:
    return PROXY_REQUESTS.labels(route, outcome)
