"""The way out for auth_app, which knows no upstream client: one question to a server and its whole answer."""

import httpx
from django.conf import settings

from auth_app.sso.outgoing import Answer, Question
from proxy_app.dataplane.bridge import TookTooLong, wait_for
from proxy_app.upstream.addresses import check_url
from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.client import USER_AGENT, send
from proxy_app.upstream.errors import UpstreamTimeout


def check(url: str, field: str) -> None:
    """Raises AddressNotAllowed for what may not be saved."""
    check_url(url, settings.UPSTREAM_ALLOWED_NETWORKS, field=field)


def ask(question: Question) -> Answer:
    """Raises UpstreamError, AddressNotAllowed, or Refused where there is no loop. Blocks the thread meanwhile."""
    check(question.url, "url")
    try:
        return wait_for(_ask(question), question.within_s)
    except TookTooLong as error:
        raise UpstreamTimeout from error


async def _ask(question: Question) -> Answer:
    request = httpx.Request(
        question.method,
        question.url,
        headers={"accept-encoding": "identity", "user-agent": USER_AGENT} | dict(question.headers),
        content=question.body,
        extensions={"timeout": {"read": question.within_s, "total": question.within_s}},
    )
    response = await send(request, idempotent=question.method == "GET")
    return Answer(response.status_code, await read_body(response, question.limit_bytes))
