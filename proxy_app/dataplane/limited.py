"""Rate limits in front of the control plane: of tokens, which the process knows from memory."""

from gatewaysite.errors import GatewayError, RateLimited
from gatewaysite.middleware import request_id_from
from gatewaysite.types import AsgiApp, Message, Receive, Scope, Send
from proxy_app.dataplane.caller import find_entry, secret_hash_of
from proxy_app.dataplane.http import Headers, header_dict, respond_error
from proxy_app.observe.metrics import count_refusal
from proxy_app.ratelimits.admission import Admitted, admission
from proxy_app.snapshot.keeper import current


def limited(application: AsgiApp) -> AsgiApp:
    """The application, with each token held to its limits. Who is unknown here is the application's to refuse."""

    async def within_limits(scope: Scope, receive: Receive, send: Send) -> None:
        if not current().access.limited:
            await application(scope, receive, send)
            return
        try:
            admitted = await _admit(scope)
        except RateLimited as error:
            count_refusal(error)
            request_id = request_id_from(header_dict(scope).get(b"x-request-id", b"").decode("latin1"))
            await respond_error(send, error, ((b"x-request-id", request_id.encode()),))
            return
        headers = admitted.headers() if admitted else ()
        await application(scope, receive, _adding(headers, send) if headers else send)

    return within_limits


async def _admit(scope: Scope) -> Admitted | None:
    try:
        secret_hash = secret_hash_of(header_dict(scope))
    except GatewayError:
        return None
    entry = find_entry(secret_hash)
    return await admission.admit(entry.actor.rates) if entry else None


def _adding(headers: Headers, send: Send) -> Send:
    async def send_with_them(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return send_with_them
