"""What pages show of an item of each kind: its state in a word, and its facts."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.urls import reverse

Item = Mapping[str, Any]
Plain = dict[str, Any]

CELLS = "registry/cells/"


def state_of(slug: str, item: Item) -> Plain:
    """The item's state as a word, with a tone that only colours the dot beside it."""
    if slug == "gateways":
        return _gateway_state(item)
    if not item["enabled"]:
        return _state("Off", "off")
    if slug == "tools" and not item["reachable"]:
        return _state("Unreachable", "bad", "Its gateway does not answer")
    if slug == "tools" and item["deprecated"]:
        return _state("Deprecated", "warn")
    return _state("On", "ok")


def watched_state(slug: str, item: Item) -> Plain:
    """The same for a cell that asks again, as long as the state is one that passes."""
    state = state_of(slug, item)
    poll = {"poll": reverse("page-gateways-progress", args=[item["id"]])} if state["tone"] == "busy" else {}
    return state | poll


def _gateway_state(item: Item) -> Plain:
    if not item["enabled"]:
        return _state("Off", "off")
    if is_syncing(item):
        return _state("Refreshing" if item["lastRefreshAt"] else "Registering", "busy", item["syncStep"])
    if item["status"] == "unconnected":
        return _state("Not connected", "warn", item["statusMessage"] or "")
    if item["status"] == "failed":
        return _state("Failed", "bad", item["statusMessage"] or "")
    if not item["reachable"]:
        return _state("Unreachable", "bad", item["statusMessage"] or "")
    return _state("Reachable", "ok")


def is_syncing(gateway: Item) -> bool:
    """Whether the gateway's registration or refresh is under way."""
    return bool(gateway["enabled"]) and (gateway["status"] == "pending" or bool(gateway["syncStep"]))


def _state(word: str, tone: str, title: str = "") -> Plain:
    return {"word": word, "tone": tone, "title": title[:300]}


def facts_of(slug: str, item: Item) -> list[Plain]:
    """What the detail page lists beside the rest, empty facts left out."""
    facts = [_fact("Id", item["id"], "id"), *OWN_FACTS[slug](item), *_common_facts(item)]
    return [fact for fact in facts if fact["value"] not in (None, "", [])]


def _common_facts(item: Item) -> list[Plain]:
    return [
        _fact("Visible to", visible_to_whom(item)),
        _fact("Owner", item["ownerEmail"]),
        _fact("Tags", [tag["label"] for tag in item["tags"]], "tags"),
        _fact("Added", item["createdAt"], "time"),
        _fact("Added by", _by(item["createdBy"], item["createdVia"])),
        _fact("Changed", item["updatedAt"] if item["version"] > 1 else None, "time"),
        _fact("Changed by", _by(item["modifiedBy"], item["modifiedVia"])),
        _fact("Version", item["version"]),
    ]


def _gateway_facts(item: Item) -> list[Plain]:
    server = " ".join(part for part in (item["serverName"], item["serverVersion"]) if part)
    return [
        _fact("URL", item["url"], "code"),
        _fact("Credential", CREDENTIALS.get(item["authType"] or "", item["authType"])),
        _fact("Server", server),
        _fact("Protocol", item["protocolVersion"]),
        _fact("Capabilities", sorted(_parsed(item["capabilities"]) or {}), "tags"),
        _fact("Last seen", item["lastSeen"], "time"),
        _fact("Last refreshed", item["lastRefreshAt"], "time"),
        *_pool_facts(item),
    ]


def _tool_facts(item: Item) -> list[Plain]:
    return [
        _fact("Gateway", gateway_link(item), "link"),
        _fact("Upstream name", item["originalName"], "code"),
        _fact("Display name", item["displayName"]),
        _fact("Time-out", f"{item['timeoutMs']:,} ms" if item["timeoutMs"] else None),
    ]


def _resource_facts(item: Item) -> list[Plain]:
    return [
        _fact("Gateway", gateway_link(item), "link"),
        _fact("URI", item["uri"], "code"),
        _fact("Template", item["uriTemplate"], "code"),
        _fact("Type", item["mimeType"], "code"),
        _fact("Size", f"{item['size']:,} bytes" if item["size"] is not None else None),
    ]


def _prompt_facts(item: Item) -> list[Plain]:
    return [
        _fact("Gateway", gateway_link(item), "link"),
        _fact("Upstream name", item["originalName"], "code"),
        _fact("Display name", item["displayName"]),
    ]


def _server_facts(item: Item) -> list[Plain]:
    return [_fact("Slug", item["slug"], "code")]


def _route_facts(item: Item) -> list[Plain]:
    rewritten = f"{item['replaceFrom']} → {item['replaceTo'] or '(nothing)'}" if item["replaceFrom"] else None
    return [
        _fact("Upstream", item["upstreamUrl"], "code"),
        _fact("Credential", CREDENTIALS.get(item["authType"] or "", item["authType"])),
        _fact("Methods", item["methods"], "tags"),
        _fact("Query", {"pass": None, "listed": "these only", "refuse": "refused"}[item["queryPolicy"]]),
        _fact("Parameters", item["queryParameters"] if item["queryPolicy"] == "listed" else None, "tags"),
        _fact("Path", None if item["stripPrefix"] else "with /proxy/ and the slug"),
        _fact("Rewritten", rewritten, "code"),
        _fact("Largest body", f"{item['bodyLimitBytes']:,} bytes"),
        _fact("Limit for all of it", f"{item['totalTimeoutMs']:,} ms" if item["totalTimeoutMs"] else None),
        _fact("Event streams", None if item["streaming"] else "refused"),
        _fact("Redirects", "pass to the client" if item["redirects"] else None),
        *_pool_facts(item),
    ]


def _pool_facts(item: Item) -> list[Plain]:
    """How its connections differ from those to all others."""
    options = _parsed(item["poolOptions"]) or {}
    said = {
        label: ", ".join(text.format(options[option]) for option, text in texts.items() if option in options)
        for label, texts in POOL_OPTIONS.items()
    }
    if options.get("breakerFailures") == 0:
        said["Left alone"] = "never"
    tls = [
        "authorities of its own" if item["caCertificate"] else "",
        "our certificate, its key set" if item["clientKey"] else "",
        "" if options.get("verifyTls", True) else "takes any certificate",
    ]
    return [
        *(_fact(label, text) for label, text in said.items()),
        _fact("Rate limit", item["rateLimit"]),
        _fact("A failure is", FAILURES.get(options.get("breakerCounts", ""))),
        _fact("Checks", None if options.get("probe", True) else "none"),
        _fact("TLS", ", ".join(filter(None, tls))),
    ]


POOL_OPTIONS = {
    "Connections": {
        "maxConnections": "{:,} at a time",
        "maxPending": "{:,} calls may wait",
        "maxKeepaliveConnections": "{:,} kept at rest",
        "keepaliveExpiry": "closed after {:g} s at rest",
        "connectionLifetime": "closed after {:g} s at the latest",
    },
    "Time-outs": {
        "poolTimeout": "waiting {:g} s",
        "connectTimeout": "connecting {:g} s",
        "writeTimeout": "sending {:g} s",
        "readTimeout": "silence {:g} s",
        "streamIdleTimeout": "silence in a stream {:g} s",
        "streamMaxSeconds": "a stream {:g} s",
    },
    "Left alone": {"breakerFailures": "after {:,} failures", "breakerOpenSeconds": "for {:g} s"},
}
FAILURES = {
    "connections": "a connection that fails, or silence",
    "unavailable": "also 502, 503 and 504",
    "errors": "also all of 500 or more",
}
OWN_FACTS: dict[str, Callable[[Item], list[Plain]]] = {
    "gateways": _gateway_facts,
    "tools": _tool_facts,
    "resources": _resource_facts,
    "prompts": _prompt_facts,
    "servers": _server_facts,
    "routes": _route_facts,
}
CREDENTIALS = {
    "": "none",
    "bearer": "bearer token",
    "basic": "user and password",
    "authheaders": "headers",
    "oauth": "OAuth",
}


def visible_to_whom(item: Item) -> str:
    if item["visibility"] == "team":
        return f"team {item['team']}" if item["team"] else "a team"
    return {"public": "everybody", "private": "its owner"}[item["visibility"]]


def gateway_link(item: Item) -> Plain | None:
    if not item["gatewayId"]:
        return None
    name = item["federationSource"] or item["gatewayId"]
    return {"name": name, "url": reverse("page-gateways-item", args=[item["gatewayId"]])}


def pretty(text: str | None) -> str:
    """JSON text with line breaks, for reading; as it was when it is not JSON."""
    value = _parsed(text)
    return json.dumps(value, ensure_ascii=False, indent=2) if value is not None else text or ""


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


def counted(number: int, noun: str) -> str:
    """`1 tool`, `2 tools`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _fact(label: str, value: Any, cell: str = "text") -> Plain:
    return {"label": label, "value": value, "template": f"{CELLS}{cell}.html"}


def _by(who: str | None, via: str | None) -> str:
    return f"{who} ({via})" if who and via and via != who else who or ""
