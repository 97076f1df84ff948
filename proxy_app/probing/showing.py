"""How a handshake went, and what answers at a URL, as pages show it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from proxy_app.probing.data import DetectedData, HandshakeData
from proxy_app.registry.pieces import counted

type Plain = dict[str, Any]

TITLES = {
    "transport": "It was not reached",
    "tls": "TLS failed",
    "protocol": "They do not understand each other",
    "auth": "It lets nobody in",
    "invalid_response": "This is no MCP server",
    "blocked": "This address is not allowed",
}
# The pages that add what was found, and the fields that are filled in.
PAGES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "mcp": ("page-gateways-new", {"url": "url", "name": "name"}),
    "http": ("page-routes-new", {"upstreamUrl": "upstream_url", "name": "name"}),
    "a2a": ("page-agents-new", {"endpointUrl": "endpoint_url", "name": "name"}),
    "openai": ("page-providers-new", {"baseUrl": "base_url", "name": "name"}),
    "openapi": ("page-openapi-new", {"url": "url", "name": "name"}),
}
NOUNS = {"tools": "tool", "resources": "resource", "prompts": "prompt"}


def tested_context(found: HandshakeData) -> Plain:
    """The box with what came of it."""
    failure = found["failureClass"]
    counts = found["componentCounts"] or {}
    facts: list[Plain] = [
        {"label": "Server", "value": " ".join(filter(None, (found["serverName"], found["serverVersion"])))},
        {"label": "Protocol", "value": found["protocolVersion"]},
        {"label": "Offers", "value": ", ".join(counted(number, NOUNS[name]) for name, number in counts.items())},
        {"label": "Left out", "value": "some lists could not be had in time" if found["countsPartial"] else ""},
    ]
    return {
        "tone": "bad" if failure else "ok",
        "title": TITLES[failure] if failure else "It works",
        "message": found["message"],
        "remedy": found["remedy"] or "",
        "facts": [fact for fact in facts if fact["value"]],
        "milliseconds": found["latencyMs"],
    }


def way_on(found: DetectedData) -> tuple[str, str, str]:
    """(where to, what is said there, in which tone) after a URL was looked at."""
    tried = "; ".join(f"{step['step']}: {step['outcome'].rstrip('.')}" for step in found["tried"])
    back = f"{reverse('page-gateways-new')}?{urlencode({'url': found['url']})}"
    if not found["kind"] or found["transport"] == "SSE":
        return back, f"{found['message']} Tried: {tried}.", "bad"
    name, fields = PAGES[found["kind"]]
    suggested = found["suggested"]
    query = {field: suggested[member] for member, field in fields.items() if suggested.get(member)}
    if suggested.get("authType"):
        query["auth_type"] = suggested["authType"]
    try:
        there = reverse(name)
    except NoReverseMatch:
        return back, f"{found['message']} It cannot be registered by a form yet.", "warn"
    return f"{there}?{urlencode(query)}", f"{found['message']} Look at what is filled in, then add it.", "ok"
