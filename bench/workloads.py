"""The workloads, and what each must reach on the reference machine: one table each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from operator import ge, le
from typing import Any

from bench.wrk import Request

PROXY_ROUTE = "bench"
REFERENCE = "2 cores (AMD EPYC, x86-64), the load generator, the fake upstream and PostgreSQL on the same two"


@dataclass(frozen=True)
class Access:
    """What a request needs to be let in, and the names the registered tools have here.

    `cookie` is empty unless a workload wants a signed-in browser.
    """

    token: str
    cookie: str
    tools: dict[str, str]  # what an upstream calls a tool, with the upstream's era in front -> what we call it


@dataclass(frozen=True)
class Workload:
    """One kind of request, from so many clients at a time, each asking again as soon as it has its answer."""

    name: str
    what: str
    clients: int
    request: Callable[[Access], Request]
    signed_in: bool = False
    # MCP tells trouble of an upstream with 200; elsewhere the status says it, and bodies are large.
    told_by_status: bool = False


@dataclass(frozen=True)
class Target:
    """A figure a workload must reach, or stay within."""

    workload: str
    figure: str
    holds: Callable[[float, float], bool]
    limit: float

    def __str__(self) -> str:
        return f"{self.workload}: {self.figure} {'>=' if self.holds is ge else '<='} {self.limit:g}"


def tools_list(access: Access) -> Request:
    return _modern(access, "tools/list", {})


def call(tool: str) -> Callable[[Access], Request]:
    """A modern client's call of a tool of the modern upstream."""

    def request(access: Access) -> Request:
        name = access.tools[f"modern {tool}"]
        return _modern(access, "tools/call", {"name": name, "arguments": {"text": "hello", "limit": 3}}, name)

    return request


def legacy_call(access: Access) -> Request:
    """The same of the older era on both sides; clients of that era keep a session upstream, which we share."""
    params = {"name": access.tools["legacy echo"], "arguments": {"text": "hello", "limit": 3}}
    headers = _headers(access) | {"MCP-Protocol-Version": "2025-11-25"}
    return Request("POST", "/mcp", headers, '"result":{', _message("tools/call", params))


def json_list(access: Access) -> Request:
    headers = {"Authorization": f"Bearer {access.token}", "Accept": "application/json"}
    return Request("GET", "/tools?limit=50", headers, '"originalName":"filler_10"')


def proxy_get(access: Access) -> Request:
    """What a client library sends with a small GET."""
    headers = {"Authorization": f"Bearer {access.token}", "Accept": "application/json", "User-Agent": "bench/1"}
    return Request("GET", f"/proxy/{PROXY_ROUTE}/plain?page=1", headers, '"order":4711')


def admin_page(access: Access) -> Request:
    return Request("GET", "/admin/tools", {"Cookie": access.cookie, "Accept": "text/html"}, "</table>")


WORKLOADS = (
    Workload("tools-list", "MCP tools/list, 120 tools, from memory", 64, tools_list),
    Workload("call-0ms", "tools/call, upstream answers at once", 64, call("echo")),
    Workload("call-0ms-legacy", "the same, older era on both sides", 64, legacy_call),
    Workload("call-300ms-64", "tools/call, upstream takes 300 ms", 64, call("slow")),
    Workload("call-300ms-1000", "tools/call, upstream takes 300 ms", 1000, call("slow")),
    Workload("call-300ms-4000", "tools/call, upstream takes 300 ms", 4000, call("slow")),
    Workload("proxy-get", "GET through a proxy route, upstream answers at once", 64, proxy_get, told_by_status=True),
    Workload("json-list", "GET /tools?limit=50, from PostgreSQL", 64, json_list, told_by_status=True),
    Workload(
        "admin-page", "GET /admin/tools, a signed-in browser", 64, admin_page, signed_in=True, told_by_status=True
    ),
)

TARGETS = (
    Target("call-0ms", "rate", ge, 3500),
    Target("call-0ms", "cpu_ms", le, 0.45),
    Target("call-300ms-1000", "rate", ge, 2500),
    Target("proxy-get", "rate", ge, 6000),
    Target("proxy-get", "cpu_ms", le, 0.25),
    Target("proxy-stream", "growth_mb", le, 50),
    Target("json-list", "rate", ge, 1800),
    *(Target(workload.name, "errors", le, 0) for workload in WORKLOADS),
    *(Target(f"call-300ms-{clients}", "idle_in_transaction", le, 0) for clients in (64, 1000, 4000)),
    Target("memory", "idle_pss_mb", le, 260),
)


def missed(figures: dict[str, dict[str, Any]], targets: tuple[Target, ...] = TARGETS) -> list[str]:
    """The targets not reached, each with what was measured. What was not measured is not missed."""
    return [
        f"{target}, measured {figures[target.workload][target.figure]:.4g}"
        for target in targets
        if target.workload in figures and not target.holds(figures[target.workload][target.figure], target.limit)
    ]


def _modern(access: Access, method: str, params: dict[str, Any], name: str | None = None) -> Request:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1.0.0"},
    }
    headers = _headers(access) | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    if name is not None:
        headers["Mcp-Name"] = name
    return Request("POST", "/mcp", headers, '"result":{', _message(method, params | {"_meta": meta}))


def _headers(access: Access) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {access.token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }


def _message(method: str, params: dict[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, separators=(",", ":"))
