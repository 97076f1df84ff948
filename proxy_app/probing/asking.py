"""The questions from a page's or an endpoint's thread: made ready there, asked on the loop, within a time limit."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from django.conf import settings

from auth_app.actor import Actor
from auth_app.decision import Wanted
from auth_app.policy import require
from gatewaysite.secrets import CannotUnseal
from gatewaysite.validation import values_of
from proxy_app.dataplane.bridge import TookTooLong, wait_for
from proxy_app.probing import work
from proxy_app.probing.data import DetectedData, Detection, HandshakeData, HandshakeTest, RequestData, RequestTest
from proxy_app.probing.detecting import ANSWER_WITHIN_S, Detective
from proxy_app.probing.detecting import WITHIN_S as DETECT_WITHIN_S
from proxy_app.probing.handshake import WITHIN_S, Source, no_handshake, shake_hands
from proxy_app.upstream import client
from proxy_app.upstream.addresses import AddressNotAllowed, check_url
from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.errors import UpstreamError

LIMIT_BYTES = 256 * 1024
REQUEST_WITHIN_S = 15.0
SLACK_S = 3.0
NOT_REGISTERED = "Only servers of registered gateways are tested this way. Register it, or test a handshake."
# Credentials that a handshake comes without.
WITHOUT = (None, "", "none", "oauth")
PLACES = {"base_url", "path", "gateway_id"}


def test_handshake(actor: Actor, asked: HandshakeTest) -> HandshakeData:
    """Blocks the calling thread, which must hold no connection. What the server makes of it is in the answer."""
    if asked.gateway_id is not None:
        return shake_as(actor, {}, asked.gateway_id)
    values = {name: value for name, value in values_of(asked).items() if name not in PLACES}
    return shake_as(actor, values | {"url": _joined(asked.base_url or "", asked.path)})


def shake_as(actor: Actor, values: Mapping[str, Any], key: str | None = None) -> HandshakeData:
    """The handshake of the gateway that these values make, or make of the one with this key."""
    said = values.get("auth_type")
    source: Source = "form" if said not in WITHOUT else "none"
    try:
        if key is None:
            _require_to_add(actor)
            endpoint = work.new_endpoint(values)
        else:
            endpoint, auth_type = work.stored_endpoint(actor, key, values)
            source = "stored" if said is None and auth_type not in WITHOUT else source
    except AddressNotAllowed as error:
        return no_handshake(error.message, "blocked", source)
    except CannotUnseal as error:
        return no_handshake(str(error), "auth", "stored", "Set the credential again.")
    try:
        return wait_for(shake_hands(endpoint, source), WITHIN_S + SLACK_S)
    except TookTooLong:
        return no_handshake(f"No answer within {WITHIN_S:g} seconds.", "transport", source)


def detect(actor: Actor, asked: Detection) -> DetectedData:
    """Raises AddressNotAllowed, as saving the URL would."""
    _require_to_add(actor)
    detective = Detective(replace(work.new_endpoint(values_of(asked)), timeout_s=ANSWER_WITHIN_S))
    try:
        return wait_for(detective.find(), DETECT_WITHIN_S)
    except TookTooLong:
        return detective.gave_up()


def test_request(actor: Actor, asked: RequestTest) -> RequestData:
    """One request to the server of a gateway that this person sees."""
    _require_to_add(actor)
    url = _joined(asked.base_url, asked.path)
    if not work.knows_origin(actor, url):
        return {"statusCode": 400, "latencyMs": 0, "body": {"error": NOT_REGISTERED}}
    check_url(url, settings.UPSTREAM_ALLOWED_NETWORKS, field="base_url")
    try:
        return wait_for(_send(asked, url), REQUEST_WITHIN_S)
    except UpstreamError as error:
        return {"statusCode": error.status, "latencyMs": 0, "body": {"error": error.message}}
    except TookTooLong:
        return {"statusCode": 504, "latencyMs": 0, "body": {"error": f"No answer within {REQUEST_WITHIN_S:g} seconds."}}


def _require_to_add(actor: Actor) -> None:
    """Whoever may register a server somewhere might as well find out so."""
    require(actor, "gateways.create", Wanted("gateways", "", None))


def _joined(base_url: str, path: str) -> str:
    if not path:
        return base_url
    # A path that is a URL of its own would lead elsewhere.
    joined = urljoin(base_url.rstrip("/") + "/", path.lstrip("/"))
    return joined if urlsplit(joined).netloc == urlsplit(base_url).netloc else base_url


async def _send(asked: RequestTest, url: str) -> RequestData:
    began = time.monotonic()
    body = json.dumps(asked.body) if isinstance(asked.body, dict) else asked.body or ""
    headers = {"accept-encoding": "identity", "user-agent": client.USER_AGENT, **asked.headers}
    if body:
        headers["content-type"] = asked.content_type
    request = httpx.Request(
        asked.method, url, headers=headers, content=body.encode() or None,
        extensions={"upstream": work.POOL, "timeout": {"read": REQUEST_WITHIN_S, "total": REQUEST_WITHIN_S}},
    )  # fmt: skip
    response = await client.send(request)
    whole = await read_body(response, LIMIT_BYTES)
    latency_ms = round((time.monotonic() - began) * 1000)
    return {"statusCode": response.status_code, "latencyMs": latency_ms, "body": _readable(whole)}


def _readable(body: bytes) -> Any:
    """JSON as it is, anything else as text."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
