"""The pages of each kind. One that has nothing of its own to say is missing here, and made of its models."""

from collections.abc import Mapping
from functools import cache

from proxy_app.registry.kind import Kind
from proxy_app.registry.kind_pages import agents, gateways, prompts, resources, routes, servers, tools
from proxy_app.registry.page import KindPage
from proxy_app.registry.plain_form import plain_page

PAGES: Mapping[str, KindPage] = {
    "servers": servers.PAGE,
    "tools": tools.PAGE,
    "resources": resources.PAGE,
    "prompts": prompts.PAGE,
    "gateways": gateways.PAGE,
    "agents": agents.PAGE,
    "routes": routes.PAGE,
}


@cache
def page_of(kind: Kind) -> KindPage:
    return PAGES.get(kind.slug) or plain_page(kind)
