"""JSON endpoints that only servers have."""

from typing import TypedDict

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from auth_app.actor import Actor
from auth_app.endpoints import answer
from gatewaysite.responses import json_response
from proxy_app.registry.kinds import SERVERS
from proxy_app.registry.work import read_item
from proxy_app.servers.clients import TOKEN, Snippet, snippets
from proxy_app.servers.cost import ContextCost, cost_of


class ConnectData(TypedDict):
    """`tokensPage` is where a person makes the token that goes into the variable `tokenVariable`."""

    url: str
    transport: str
    toolMode: str
    tokenVariable: str
    tokensPage: str
    context: ContextCost
    snippets: list[Snippet]


def connect(request: HttpRequest, key: str) -> HttpResponse:
    """How clients connect to a server."""

    def tell(actor: Actor) -> HttpResponse:
        item = read_item(SERVERS, actor, key)
        told: ConnectData = {
            "url": item["url"],
            "transport": "streamable-http",
            "toolMode": item["toolMode"],
            "tokenVariable": TOKEN,
            "tokensPage": f"{settings.PUBLIC_URL}{reverse('page-tokens')}",
            "context": cost_of(item).as_data(),
            "snippets": snippets(item["url"], item["slug"]),
        }
        return json_response(told)

    return answer(request, {"GET": tell})
