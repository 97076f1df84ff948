"""Which threads of the control plane a request is served by, so that no sort of request starves the others."""

import re

from django.http import parse_cookie

from auth_app.mail import sends_mail
from auth_app.passwords.paths import is_slow
from auth_app.recognition import is_opened_so, is_recognised
from gatewaysite.types import Scope
from proxy_app.oauth.terms import AUTHORIZE, CALLBACK

# Views that call an upstream, or ask a provider people sign in at.
WAITING = re.compile(
    r"/admin/(tools/.*/call|tools/import|agents/.*/tell|routes/.*/try|upstreams/.*/recreate|sso/[^/]+/test|"
    r"resources/.*/read|prompts/.*/render)|(/v1)?/resources/([^/]+/content|test/.*)"
    r"|/admin/gateways/(new(/detect)?|.*/(test|edit))|(/v1)?/(mcp-servers/test(-handshake)?|gateways/detect)"
    r"|(/v1)?/auth/sso/(login|callback|logout)/.*|/login/sso/.*"
    r"|(/v1)?/tools/(import-openapi|generate-schemas-from-openapi)"
)
# What is rendered when it is posted to, and otherwise an item like any other.
RENDERING = re.compile(r"(/v1)?/prompts/[^/]+")


def line_of(scope: Scope) -> str:
    """Which threads of the control plane a request is served by.

    Forms that call an upstream show its answer, providers are asked who somebody is or let them connect, letters wait
    for the mail server, and a client of OAuth may be described by a document that is fetched first. A log-in computes
    for as long as it takes to make guessing expensive, and anybody may ask for it. Who holds the connections, and how
    upstreams are, is asked when all threads hang: those pages can do without the database for whoever is recognised,
    and nobody else may wait for it on the same threads.
    """
    path = scope["path"]
    if is_slow(scope["method"], path):
        return "slow"
    if path.startswith("/static/"):
        return "files"
    if is_opened_so(path):
        return "spare" if is_recognised(_cookies(scope)) else "main"
    return "waiting" if _waits(scope, path) else "main"


def _waits(scope: Scope, path: str) -> bool:
    """Whether its view waits for somebody else."""
    if path == "/oauth/authorize":
        return b"client_id=https" in scope["query_string"]
    if path.startswith((AUTHORIZE, CALLBACK)):
        return True
    if scope["method"] == "POST" and RENDERING.fullmatch(path):
        return True
    return WAITING.fullmatch(path) is not None or sends_mail(scope["method"], path)


def _cookies(scope: Scope) -> dict[str, str]:
    return parse_cookie("; ".join(value.decode("latin1") for name, value in scope["headers"] if name == b"cookie"))
