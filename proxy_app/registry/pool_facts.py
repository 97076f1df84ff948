"""What the page of an item that is called says of its connections: how they differ from those to all others."""

from collections.abc import Mapping
from typing import Any

from proxy_app.registry.pieces import Plain, fact, parsed

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


def pool_facts(item: Mapping[str, Any]) -> list[Plain]:
    options = parsed(item["poolOptions"]) or {}
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
        *(fact(label, text) for label, text in said.items()),
        fact("Rate limit", item["rateLimit"]),
        fact("A failure is", FAILURES.get(options.get("breakerCounts", ""))),
        fact("Checks", None if options.get("probe", True) else "none"),
        fact("TLS", ", ".join(filter(None, tls))),
    ]
