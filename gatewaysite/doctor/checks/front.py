"""What stands in front: a proxy that passes on what it should, and keeps back nothing."""

from django.conf import settings

from gatewaysite.doctor.findings import NotSeen, Verdict, error, ok, unknown, warning
from gatewaysite.doctor.installation import Answer, Front, Installation, is_production, public_url

NGINX = (
    "nginx lets streams through that say `X-Accel-Buffering: no`, as the gateway's do, unless"
    " proxy_ignore_headers names it; `proxy_buffering off;` makes sure. Also set `proxy_http_version 1.1;"
    " proxy_read_timeout 1h;`."
)
OTHERS = (
    "Switch its response buffering off for /mcp and /servers/, and let answers last an hour (Envoy: `timeout: 0s`)."
)
NOT_ASKED = "Not looked at from outside."
ASK = "Give --url, the address that clients use."


def answers(it: Installation) -> Verdict:
    try:
        front = it.front
    except NotSeen as silence:
        return error(f"{silence} {silence.detail}.", silence.cure)
    if front is None:
        return _not_asked()
    if elsewhere := _elsewhere(front, front.livez):
        return elsewhere
    if front.livez.status != 200 or '"alive"' not in front.livez.body:
        return error(
            f"{front.url}/livez answers {front.livez.status}, and not as the gateway does.",
            "Let the proxy pass every path on to the gateway, unchanged.",
        )
    if front.url.rstrip("/") != settings.PUBLIC_URL:
        return warning(
            f"{front.url} answers, but links are built with {public_url()}.",
            "Set PUBLIC_URL to the address that clients use.",
        )
    return ok(f"{front.url} answers.")


def host(it: Installation) -> Verdict:
    if (front := it.front) is None:
        return _not_asked()
    if elsewhere := _elsewhere(front, front.login):
        return elsewhere
    if front.login.status == 400:
        return error(
            f"{front.url}/login answers 400: the name in the Host header is none of ALLOWED_HOSTS.",
            "Let the proxy pass the Host header on (nginx: `proxy_set_header Host $host;`), or add the name it sends.",
        )
    if front.login.status != 200:
        return error(f"{front.url}/login answers {front.login.status}.", "The gateway's log says why.")
    return ok("The Host header arrives as one of ALLOWED_HOSTS.")


def buffering(it: Installation) -> Verdict:
    """No stream can be asked for without a token, so this tells who stands there, not what it does."""
    if (front := it.front) is None:
        return _not_asked()
    if elsewhere := _elsewhere(front, front.livez):
        return elsewhere
    proxy = _proxy(front)
    if not proxy:
        return ok("No proxy shows itself in the answers, so nothing seems to keep streams back.")
    cure = NGINX if "nginx" in proxy.lower() or "openresty" in proxy.lower() else OTHERS
    return unknown(f"{proxy} stands in front; whether it keeps streams back cannot be seen without a token.", cure)


def _elsewhere(front: Front, answer: Answer) -> Verdict | None:
    """A redirect is no fault: whoever asks by http is to be sent to https. But what is behind stays unseen."""
    if not 300 <= answer.status < 400:
        return None
    cure = "Give --url its https address." if front.url.startswith("http://") else "Give --url the address behind it."
    return unknown(f"{front.url} redirects, so what is behind it was not looked at.", cure)


def _proxy(front: Front) -> str:
    """What the proxy calls itself; the gateway says no Via, of Server only gunicorn's, and does not speak TLS."""
    headers = front.livez.headers
    server = headers.get("server", "")
    named = headers.get("via") or ("" if server.startswith("gunicorn") else server)
    return named or ("A proxy that does not name itself" if front.url.startswith("https://") else "")


def _not_asked() -> Verdict:
    return unknown(NOT_ASKED, ASK) if is_production() else ok("Clients of this machine need no proxy.")
