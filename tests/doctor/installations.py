"""An installation in the best of health, and ways to make it ill."""

from dataclasses import replace
from typing import Any

from gatewaysite.doctor.examination import examine
from gatewaysite.doctor.findings import Finding
from gatewaysite.doctor.installation import Answer, Direct, Front, Installation, Rehearsal, Route, Server

SERVER = Server(
    version=18,
    settings={
        "application_name": "poolgate",
        "default_transaction_read_only": "off",
        "idle_in_transaction_session_timeout": "5000",
        "idle_session_timeout": "0",
        "lock_timeout": "2000",
        "max_connections": "100",
        "reserved_connections": "0",
        "server_encoding": "UTF8",
        "server_version": "18.4",
        "statement_timeout": "15000",
        "superuser_reserved_connections": "3",
        "transaction_timeout": "0",
    },
    role="poolgate",
    role_limit=-1,
    database_limit=-1,
    in_use=31,
    others=0,
    is_standby=False,
    route=Route.STRAIGHT,
    clock_ahead_s=0.0,
    unapplied=(),
    unknown=(),
    sealed={},
)
DIRECT = Direct(route=Route.STRAIGHT, heard_after_s=0.003, idle_session_timeout_ms=0)
REHEARSAL = Rehearsal(
    workers=2,
    preload_app=False,
    worker_class="asgi",
    lifespan="on",
    descriptors=20_000,
    metrics="on",
    threads=(),
    sockets=0,
    loops=(),
)
FRONT = Front(
    url="https://gateway.example.com",
    livez=Answer(200, {"server": "gunicorn/asgi"}, '{"status":"alive"}'),
    login=Answer(200, {}),
)


def an_installation(**changes: Any) -> Installation:
    """`server`, `direct`, `rehearsal` and `front` change members of these; the rest is the installation's own."""
    facts: dict[str, Any] = {"server": SERVER, "direct": DIRECT, "rehearsal": REHEARSAL, "front": FRONT}
    seen: dict[str, Any] = {}
    for name, healthy in facts.items():
        changed = changes.pop(name, {})
        seen[f"{name}_seen"] = replace(healthy, **changed) if isinstance(changed, dict) else changed
    return Installation(**{"outside_pool": 5} | seen | changes)


def with_settings(**changes: str) -> dict[str, Any]:
    """The server, with some settings of its own."""
    return {"settings": SERVER.settings | changes}


def findings(**changes: Any) -> dict[str, Finding]:
    """What the doctor finds, by id."""
    return {finding.id: finding for finding in examine(an_installation(**changes))}
