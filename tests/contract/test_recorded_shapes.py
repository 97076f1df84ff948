"""Our answers beside those recorded of ContextForge 1.1.0: the same members, types and statuses, or a listed other.

What was recorded is written down here as facts; what differs on purpose is listed, with its reason, in
docs/compatibility.md. A difference that is not listed fails, and so does a listed one that is none.
"""

import json
import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from proxy_app.models import Gateway, Root
from tests.builders import a_gateway, a_server, a_team, a_tool, a_user, an_agent, own_prompt, own_resource
from tests.registry.conftest import Caller

PAPER = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"

# Every member of an item as it was recorded: string, number, boolean, array, object; "-" was never anything but null.
RECORDED_MEMBERS = {
    "servers": """
        id:s name:s description:s icon:- createdAt:s updatedAt:s enabled:b url:s associatedTools:a
        associatedToolIds:a associatedResources:a associatedPrompts:a associatedA2aAgents:a metrics:o tags:a
        createdBy:s createdFromIp:s createdVia:s createdUserAgent:s modifiedBy:s modifiedFromIp:s modifiedVia:s
        modifiedUserAgent:s importBatchId:- federationSource:s version:n teamId:- team:- ownerEmail:s visibility:s
        oauthEnabled:b oauthConfig:-
    """,
    "tools": """
        id:s originalName:s url:s description:s originalDescription:s title:- requestType:s integrationType:s
        headers:o inputSchema:o outputSchema:- annotations:o extensionMetadata:- jsonpathFilter:s auth:o createdAt:s
        updatedAt:s enabled:b deprecated:b reachable:b gatewayId:s grpcServiceId:- executionCount:- metrics:- name:s
        displayName:s gatewaySlug:s customName:s customNameSlug:s tags:a createdBy:s createdFromIp:s createdVia:s
        createdUserAgent:s modifiedBy:s modifiedFromIp:s modifiedVia:s modifiedUserAgent:s importBatchId:-
        federationSource:s version:n teamId:s team:s ownerEmail:s visibility:s baseUrl:s pathTemplate:s
        queryMapping:- headerMapping:- timeoutMs:n exposePassthrough:b allowlist:- pluginChainPre:-
        pluginChainPost:- _meta:-
    """,
    "resources": """
        id:s uri:s name:s originalName:s customNameSlug:s description:s mimeType:s gatewayId:- uriTemplate:s size:n
        createdAt:s updatedAt:s enabled:b metrics:- tags:a extensionMetadata:- createdBy:s createdFromIp:s
        createdVia:s createdUserAgent:s modifiedBy:s modifiedFromIp:s modifiedVia:s modifiedUserAgent:s
        importBatchId:- federationSource:- version:n teamId:- team:- ownerEmail:s visibility:s title:- annotations:-
        _meta:-
    """,
    "prompts": """
        id:s name:s originalName:s customName:s customNameSlug:s displayName:s gatewayId:- gatewaySlug:-
        description:s template:s arguments:a createdAt:s updatedAt:s enabled:b tags:a metrics:- createdBy:s
        createdFromIp:s createdVia:s createdUserAgent:s modifiedBy:s modifiedFromIp:s modifiedVia:s
        modifiedUserAgent:s importBatchId:- federationSource:- version:n teamId:- team:- ownerEmail:s visibility:s
        title:- _meta:-
    """,
    "gateways": """
        id:s name:s url:s description:s transport:s capabilities:o createdAt:s updatedAt:s status:s statusMessage:-
        registrationAttempts:n nextRetryAt:- lastError:- lifecycleClaimedBy:- lifecycleClaimedAt:-
        lifecycleClaimExpiresAt:- enabled:b reachable:b lastSeen:s passthroughHeaders:a caCertificate:-
        caCertificateSig:- signingAlgorithm:s clientCert:- clientKey:- authType:s authValue:s authHeaders:-
        authHeadersUnmasked:- oauthConfig:- authQueryParamKey:- authQueryParamValueMasked:- authUsername:-
        authPassword:- authToken:s authHeaderKey:- authHeaderValue:- tags:a authPasswordUnmasked:-
        authTokenUnmasked:- authHeaderValueUnmasked:- teamId:- team:- ownerEmail:s visibility:s createdBy:s
        createdFromIp:s createdVia:s createdUserAgent:s modifiedBy:s modifiedFromIp:s modifiedVia:s
        modifiedUserAgent:s importBatchId:- federationSource:- version:n slug:s refreshIntervalSeconds:-
        lastRefreshAt:s gatewayMode:s identityPropagation:- toolCount:n promptCount:n resourceCount:n skippedTools:a
    """,
    "agents": """
        id:s name:s slug:s description:s endpointUrl:s agentType:s protocolVersion:s capabilities:o config:o enabled:b
        reachable:b createdAt:s updatedAt:s lastInteraction:- tags:a metrics:- passthroughHeaders:- authType:s
        authValue:s oauthConfig:- authUsername:- authPassword:- authToken:s authHeaderKey:- authHeaderValue:-
        authHeaders:- authQueryParamKey:- authQueryParamValueMasked:- createdBy:s createdFromIp:s createdVia:s
        createdUserAgent:s modifiedBy:s modifiedFromIp:s modifiedVia:s modifiedUserAgent:s importBatchId:-
        federationSource:- version:n teamId:- team:- ownerEmail:s visibility:s uaid:- uaidRegistry:- uaidProto:-
        uaidNativeId:-
    """,
}
KINDS = list(RECORDED_MEMBERS)
# Where they were recorded, when not at the kind's own name.
PATHS = {"agents": "a2a"}
LETTERS = {str: "s", int: "n", float: "n", bool: "b", list: "a", dict: "o"}
UNKNOWN = uuid.UUID(int=7).hex


def recorded(slug: str) -> dict[str, str]:
    return dict(pair.split(":") for pair in RECORDED_MEMBERS[slug].split())


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of the paper, without code marks."""
    section = PAPER.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines[2:]]


@dataclass
class World:
    """One item of each kind, full to the brim; an administrator, and a person who may only look."""

    admin: Caller
    viewer: Caller
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def tool(self) -> str:
        return self.keys["tools"]


@pytest.fixture
def world(db: None) -> World:
    owner = a_user("owner@example.com", admin=True)
    team = a_team("Blue", owner=owner)
    spare = a_gateway("spare")
    an_agent("spare")
    common: dict[str, Any] = {
        "owner": owner,
        "team": team,
        "tags": ["demo"],
        "description": "d",
        "created_from_ip": "192.0.2.1",
    }
    common |= {"created_user_agent": "x", "modified_by": "x", "modified_from_ip": "192.0.2.1", "modified_via": "api"}
    common |= {"modified_user_agent": "x"}
    gateway = a_gateway(
        "gw1", **common, auth_type=Gateway.AuthType.BEARER, capabilities={"tools": {}},
        passthrough_headers=["X-Tenant"],
        last_seen="2026-01-01T00:00:00Z", last_refresh_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    tool = a_tool("echo_00", gateway=gateway, **common, title="T", timeout_ms=5, output_schema="{}", meta={"a": 1})
    resource = own_resource(
        "readme", **common, uri="x://{a}", uri_template="x://{a}", annotations={"a": 1}, title="T", meta={}
    )
    prompt = own_prompt("contract_prompt", **common, title="T", meta={})
    Root.objects.create(uri="https://roots.example.com/one", name="Contract root")
    server = a_server("server1", tools=(tool,), **common, icon="https://example.com/i.png")
    server.resources.add(resource)
    server.prompts.add(prompt)
    rows: dict[str, Any] = {
        "servers": server,
        "tools": tool,
        "resources": resource,
        "prompts": prompt,
        "gateways": gateway,
        "agents": an_agent("helper", **common, auth_type="bearer"),
        "spare": spare,
    }
    return World(Caller(owner), Caller(a_user()), {slug: row.pk.hex for slug, row in rows.items()})


def answers(world: World, slug: str) -> dict[str, dict[str, Any]]:
    """The item, by every way it is answered."""
    folder = f"/{PATHS.get(slug, slug)}"
    path = f"{folder}/{world.keys[slug]}"
    found = {
        "list": world.admin.get(folder).json()[0],
        "page": world.admin.get(folder, include_pagination="true").json()[slug][0],
        "read": world.admin.get(path).json(),
        "update": world.admin.put(path, {"description": "new"}).json(),
        "state": world.admin.post(f"{path}/state?activate=true").json()[slug.removesuffix("s")],
    }
    bodies: dict[str, Any] = {
        "gateways": {"name": "new", "url": "https://example.com/mcp", "auth_token": "t"},
        "servers": {"server": {"name": "new"}},
        "tools": {"tool": {"name": "new", "url": "https://example.com/x"}},
        "resources": {"resource": {"uri": "file:///contract/readme.txt", "name": "contract_res", "content": "hello"}},
        "prompts": {"prompt": {"name": "contract_plain", "template": "plain text"}},
        "agents": {"agent": {"name": "new", "endpoint_url": "https://example.com/a2a", "auth_token": "t"}},
    }
    if slug in bodies:
        found["create"] = world.admin.post(folder, bodies[slug]).json()
    return found


@pytest.mark.parametrize("slug", KINDS)
def test_every_answer_has_the_recorded_members_and_those_we_list_as_ours(world: World, slug: str) -> None:
    added = {member for kind, members, *_ in table("Members we add") if kind == slug for member in members.split(", ")}
    for way, item in answers(world, slug).items():
        assert set(item) - recorded(slug).keys() == added, way
        assert recorded(slug).keys() - set(item) == set(), way


@pytest.mark.parametrize("slug", KINDS)
def test_every_member_has_the_type_that_was_recorded(world: World, slug: str) -> None:
    item = full_item(world, slug)
    listed = {
        member
        for kind, members, *_ in table("Members that are always null")
        if kind == slug
        for member in members.split(", ")
    }
    nulls = set()
    for member, letter in recorded(slug).items():
        if item[member] is None:
            nulls.add(member)
        elif letter != "-":
            assert LETTERS[type(item[member])] == letter, member
    seen_with_a_value = {member for member, letter in recorded(slug).items() if letter != "-"}
    only_elsewhere = {"statusMessage", "lastError", "federationSource"}  # null in this item, not always
    assert nulls & seen_with_a_value - only_elsewhere == listed & seen_with_a_value


def full_item(world: World, slug: str) -> dict[str, Any]:
    """The item; of tools, where a gateway's has nothing, what one made of a REST API has."""
    item: dict[str, Any] = world.admin.get(f"/{slug}/{world.keys[slug]}").json()
    if slug != "tools":
        return item
    body = {"name": "rest", "url": "https://example.com/x", "headers": {"X-A": "1"}, "auth_token": "t"}
    rest = world.admin.post("/tools", {"tool": body}).json()
    return {name: rest[name] if value is None else value for name, value in item.items()}


@pytest.mark.parametrize("slug", KINDS)
def test_ids_times_and_tags_look_as_recorded(world: World, slug: str) -> None:
    item = world.admin.get(f"/{slug}/{world.keys[slug]}").json()
    assert re.fullmatch("[0-9a-f]{32}", item["id"])
    assert item["teamId"] is None or re.fullmatch("[0-9a-f]{32}", item["teamId"])
    for member in ("createdAt", "updatedAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", item[member])
    assert item["tags"] == [{"id": "demo", "label": "demo"}]


def test_the_tool_made_for_an_agent_is_as_recorded(world: World) -> None:
    made = world.admin.post("/a2a", {"agent": {"name": "contract-agent-two", "endpoint_url": "https://example.com/a"}})
    tool = world.admin.get("/tools?tags=a2a&limit=1").json()[0]
    expected = {
        "originalName": "a2a_contract-agent-two",
        "customName": "a2a_contract-agent-two",
        "customNameSlug": "a2a-contract-agent-two",
        "name": "a2a-contract-agent-two",
        "displayName": "Contract Agent Two",
        "url": "https://example.com/a",
        "description": "A2A Agent: contract-agent-two",
        "originalDescription": "A2A Agent: contract-agent-two",
        "requestType": "POST",
        "integrationType": "A2A",
        "annotations": {
            "title": "A2A Agent: contract-agent-two",
            "a2a_agent_id": made.json()["id"],
            "a2a_agent_type": "generic",
        },
        "gatewayId": None,
        "gatewaySlug": "",
        "federationSource": None,
        "reachable": True,
        "enabled": True,
        "visibility": "public",
    }
    assert {member: tool[member] for member in expected} == expected
    assert (tool["inputSchema"]["required"], tool["tags"][0]) == (["query"], {"id": "a2a", "label": "a2a"})


def test_a_tool_is_named_as_recorded(world: World) -> None:
    tool = world.admin.get(f"/tools/{world.tool}").json()
    assert (tool["name"], tool["gatewaySlug"], tool["customNameSlug"]) == ("gw1-echo-00", "gw1", "echo-00")
    server = world.admin.get(f"/servers/{world.keys['servers']}").json()
    assert (server["associatedTools"], server["associatedToolIds"]) == (["gw1-echo-00"], [world.tool])
    assert server["url"].endswith(f"/servers/{server['id']}/mcp")


@dataclass(frozen=True)
class Probe:
    """One recorded request: what it is, how it goes, and the status it had. `{servers}` and so on are items' ids."""

    name: str
    status: int
    method: str
    path: str
    body: Any = None
    who: str = "admin"


def probes() -> list[Probe]:
    """The recorded requests of the six kinds that need no upstream, kind by kind."""
    found = []
    for slug in KINDS:
        one, folder = slug.removesuffix("s"), f"/{PATHS.get(slug, slug)}"
        path = f"{folder}/{{{slug}}}"
        changed = {"description": "new text"}
        refused = "{not json"
        # Three kinds had a status of their own where the others said 404.
        no_server, no_gateway, no_tool = (400 if slug == odd else 404 for odd in ("servers", "gateways", "tools"))
        negative = 200 if slug == "agents" else 422
        found += [
            Probe(f"list {slug}", 200, "GET", folder),
            Probe(f"list {slug} with a slash", 200, "GET", f"{folder}/?limit=1"),
            Probe(f"list {slug} under v1", 200, "GET", f"/v1{folder}?limit=1"),
            Probe(f"list {slug} with pagination", 200, "GET", f"{folder}?include_pagination=true&limit=2"),
            Probe(
                f"list {slug} with an invalid cursor", 200, "GET", f"{folder}?include_pagination=true&cursor=garbage"
            ),
            Probe(f"list {slug} with limit -1", negative, "GET", f"{folder}?limit=-1"),
            Probe(f"list {slug} by a tag nobody has", 200, "GET", f"{folder}?tags=no-such-tag"),
            Probe(f"list {slug} as a viewer", 200, "GET", folder, who="viewer"),
            Probe(f"list {slug} without a token", 401, "GET", folder, who="nobody"),
            Probe(f"create {slug} from invalid JSON", 422, "POST", folder, refused),
            Probe(f"create {slug} without a token", 401, "POST", folder, {}, who="nobody"),
            Probe(f"read {slug}", 200, "GET", path),
            Probe(f"read {slug} by an unknown id", 404, "GET", f"{folder}/{UNKNOWN}"),
            Probe(f"read {slug} by a malformed id", 404, "GET", f"{folder}/no-such-id"),
            Probe(f"read {slug} without a token", 401, "GET", path, who="nobody"),
            Probe(f"update {slug}", 200, "PUT", path, changed),
            Probe(f"update {slug} with nothing", 200, "PUT", path, {}),
            Probe(f"update {slug} to an unknown visibility", 422, "PUT", path, {"visibility": "secret"}),
            Probe(f"update {slug} by an unknown id", no_server, "PUT", f"{folder}/{UNKNOWN}", changed),
            Probe(f"update {slug} as a viewer", 403, "PUT", path, changed, who="viewer"),
            Probe(f"switch {slug} off", 200, "POST", f"{path}/state?activate=false"),
            Probe(f"switch {slug} on", 200, "POST", f"{path}/state?activate=true"),
            Probe(f"switch {slug} without a direction", 200, "POST", f"{path}/state"),
            Probe(f"switch {slug} maybe", 422, "POST", f"{path}/state?activate=maybe"),
            Probe(f"switch {slug} by an unknown id", no_gateway, "POST", f"{folder}/{UNKNOWN}/state?activate=true"),
            Probe(f"toggle {slug} (deprecated)", 401, "POST", f"{path}/toggle?activate=true"),
            Probe(f"patch {slug}", 405, "PATCH", path, {}),
            Probe(f"delete {slug} as a viewer", 403, "DELETE", path, who="viewer"),
            Probe(f"delete {slug} without a token", 401, "DELETE", path, who="nobody"),
            Probe(f"delete {slug} by an unknown id", no_tool, "DELETE", f"{folder}/{UNKNOWN}"),
        ]
        if slug != "gateways":
            found.append(Probe(f"create {slug} without {{{one}}}", 422, "POST", folder, {"name": "flat"}))
    return found + own_probes()


AGENT = {
    "name": "contract-agent",
    "endpoint_url": "https://example.com/a2a",
    "agent_type": "generic",
    "description": "d",
    "protocol_version": "1.0",
    "capabilities": {"streaming": False},
    "tags": ["contract"],
    "auth_type": "bearer",
    "auth_token": "contract-only",
}


def own_probes() -> list[Probe]:
    """What was recorded of one kind only."""
    url = "https://example.com/mcp77"
    server, tool = "/servers/{servers}", "/tools/{tools}"
    return [
        Probe("create gateways", 200, "POST", "/gateways", {"name": "contract-gw", "url": url, "auth_token": "t"}),
        Probe("create gateways with a taken name", 409, "POST", "/gateways", {"name": "gw1", "url": url}),
        Probe("create gateways without a url", 422, "POST", "/gateways", {"name": "contract_nourl"}),
        Probe(
            "create gateways with an unknown transport",
            422,
            "POST",
            "/gateways",
            {"name": "a", "url": url, "transport": "CARRIER"},
        ),
        Probe("create gateways wrapped", 422, "POST", "/gateways", {"gateway": {"name": "a", "url": url}}),
        Probe(
            "create gateways that nobody answers at",
            502,
            "POST",
            "/gateways",
            {"name": "b", "url": "https://unreachable.example.com/mcp"},
        ),
        Probe("create gateways as a viewer", 403, "POST", "/gateways", {"name": "c", "url": url}, who="viewer"),
        Probe(
            "update gateways with passthrough_headers",
            200,
            "PUT",
            "/gateways/{gateways}",
            {"passthrough_headers": ["X-Tenant"]},
        ),
        Probe("refresh gateways", 200, "POST", "/gateways/{spare}/tools/refresh"),
        Probe("refresh gateways by an unknown id", 404, "POST", f"/gateways/{UNKNOWN}/tools/refresh"),
        Probe("preview what deleting gateways takes along", 200, "GET", "/gateways/{gateways}/impact-preview"),
        Probe("read gateways as mcp-servers", 200, "GET", "/v1/mcp-servers/{gateways}"),
        Probe(
            "create servers",
            201,
            "POST",
            "/servers",
            {"server": {"name": "contract-server", "associated_tools": ["{tools}"]}},
        ),
        Probe("create agents", 201, "POST", "/a2a", {"agent": AGENT, "team_id": None, "visibility": "public"}),
        Probe("create agents with a taken name", 409, "POST", "/a2a", {"agent": AGENT | {"name": "helper"}}),
        Probe(
            "create agents in camelCase",
            422,
            "POST",
            "/a2a",
            {"agent": {"name": "camel", "endpointUrl": "https://example.com/a2a", "agentType": "jsonrpc"}},
        ),
        Probe("create agents without an endpoint", 422, "POST", "/a2a", {"agent": {"name": "x"}}),
        Probe(
            "create agents at an unusable URL", 422, "POST", "/a2a", {"agent": {"name": "x", "endpoint_url": "ftp://x"}}
        ),
        Probe("create agents as a viewer", 403, "POST", "/a2a", {"agent": AGENT}, who="viewer"),
        Probe("update agents in camelCase", 200, "PUT", "/a2a/{agents}", {"agentType": "jsonrpc"}),
        Probe("update agents in snake_case", 200, "PUT", "/a2a/{agents}", {"agent_type": "generic"}),
        Probe("update agents to a taken name", 409, "PUT", "/a2a/{agents}", {"name": "spare"}),
        Probe(
            "post JSON-RPC to agents",
            200,
            "POST",
            "/a2a/{agents}/jsonrpc",
            {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {}},
        ),
        Probe("list the tools of agents", 200, "GET", "/tools?tags=a2a&limit=1"),
        Probe("create servers with a taken name", 409, "POST", "/servers", {"server": {"name": "server1"}}),
        Probe("create servers without a name", 422, "POST", "/servers", {"server": {"description": "x"}}),
        Probe(
            "create servers with an unknown tool",
            400,
            "POST",
            "/servers",
            {"server": {"name": "d", "associated_tools": [UNKNOWN]}},
        ),
        Probe(
            "create servers with an unknown visibility outside",
            201,
            "POST",
            "/servers",
            {"server": {"name": "e"}, "visibility": "secret"},
        ),
        Probe(
            "create servers with an unknown visibility inside",
            422,
            "POST",
            "/servers",
            {"server": {"name": "e", "visibility": "secret"}},
        ),
        Probe("create servers with an invalid id", 422, "POST", "/servers", {"server": {"name": "f", "id": "xyz"}}),
        Probe("create servers as a viewer", 403, "POST", "/servers", {"server": {"name": "g"}}, who="viewer"),
        Probe("update servers in snake_case", 200, "PUT", server, {"associated_tools": ["{tools}"]}),
        Probe("update servers in camelCase", 200, "PUT", server, {"associatedTools": ["{tools}"]}),
        Probe("update servers with an unknown resource", 200, "PUT", server, {"associatedResources": [UNKNOWN]}),
        Probe("list tools of servers", 200, "GET", f"{server}/tools"),
        Probe("list resources of servers", 200, "GET", f"{server}/resources"),
        Probe("list prompts of servers", 200, "GET", f"{server}/prompts"),
        Probe("list tools of an unknown server", 200, "GET", f"/servers/{UNKNOWN}/tools"),
        Probe("list servers with metrics", 200, "GET", "/servers?limit=1&include_metrics=true"),
        Probe(
            "create tools", 200, "POST", "/tools", {"tool": {"name": "contract-rest", "url": "https://example.com/a"}}
        ),
        Probe("create tools with a taken name", 409, "POST", "/tools", {"tool": {"name": "gw1-echo-00", "url": url}}),
        Probe("create tools of MCP", 422, "POST", "/tools", {"tool": {"name": "m", "integration_type": "MCP"}}),
        Probe(
            "create tools at no address", 422, "POST", "/tools", {"tool": {"name": "u", "url": "javascript:alert(1)"}}
        ),
        Probe("create tools as a viewer", 403, "POST", "/tools", {"tool": {"name": "v", "url": url}}, who="viewer"),
        *content_probes(),
        Probe("update tools in snake_case", 200, "PUT", tool, {"display_name": "Nice name"}),
        Probe("update tools in camelCase", 200, "PUT", tool, {"displayName": "Nicer name"}),
        Probe("update tools with another customName", 200, "PUT", tool, {"customName": "contract_renamed"}),
        Probe(
            "update tools with integration_type", 200, "PUT", tool, {"integration_type": "REST", "request_type": "GET"}
        ),
        Probe("list tools by visibility", 200, "GET", "/tools?visibility=public&limit=1"),
        Probe("list tools by gateway", 200, "GET", "/tools?gateway_id={gateways}&limit=1"),
        Probe("list tools without a gateway", 200, "GET", "/tools?gateway_id=null&limit=1"),
        Probe("list tools by a team one is not in", 200, "GET", f"/tools?team_id={UNKNOWN}", who="viewer"),
        Probe("list tools with a JSONPath", 200, "GET", "/tools?limit=2&apijsonpath=%7B%22jsonpath%22%3A%22%24%22%7D"),
        Probe("preview a call of tools", 200, "POST", "/tools/preview/{tools}", {"arguments": {}}),
    ]


def content_probes() -> list[Probe]:
    """What was recorded of resources, prompts and roots only."""
    hello = {"uri": "file:///contract/readme.txt", "name": "contract_res", "mimeType": "text/plain", "content": "hello"}
    data = {"uri": "contract://data.json", "name": "contract_json", "mimeType": "application/json", "content": "{}"}
    item = {
        "uri": "contract://item/{id}",
        "uri_template": "contract://item/{id}",
        "name": "tpl",
        "content": "item {id}",
    }
    said, who = "/prompts/{prompts}", {"who": "world"}
    greeting = {"name": "greeting", "template": "Hello {{ who }}", "arguments": [{"name": "who", "required": True}]}
    one, nope = "/roots/https%3A%2F%2Froots.example.com%2Fone", "/roots/https%3A%2F%2Froots.example.com%2Fnope"
    two = {"uri": "https://roots.example.com/two", "name": "Contract root"}
    return [
        Probe("create resources", 200, "POST", "/resources", {"resource": hello, "visibility": "public"}),
        Probe("create resources with a taken URI", 409, "POST", "/resources", {"resource": hello}),
        Probe("create resources of JSON", 200, "POST", "/resources", {"resource": data}),
        Probe("create resources with a template", 200, "POST", "/resources", {"resource": item}),
        Probe("create resources without content", 422, "POST", "/resources", {"resource": {"uri": "x:y", "name": "x"}}),
        Probe("create resources without a uri", 422, "POST", "/resources", {"resource": {"name": "x", "content": "c"}}),
        Probe(
            "create resources with .. in the uri", 422, "POST", "/resources",
            {"resource": {"uri": "file:///../etc/passwd", "name": "x", "content": "c"}},
        ),
        Probe("create resources as a viewer", 403, "POST", "/resources", {"resource": hello}, who="viewer"),
        Probe("update resources with content", 200, "PUT", "/resources/contract-res", {"content": "hello again"}),
        Probe("update resources to a taken URI", 409, "PUT", "/resources/contract-res", {"uri": "contract://data.json"}),
        Probe("read the metadata of resources", 200, "GET", "/resources/{resources}/info"),
        Probe("read the metadata of resources by an unknown id", 404, "GET", f"/resources/{UNKNOWN}/info"),
        Probe("list the templates of resources", 200, "GET", "/resources/templates/list"),
        Probe("read resources by their URI", 200, "GET", "/resources/test/file:///contract/readme.txt"),
        Probe("create prompts", 200, "POST", "/prompts", {"prompt": greeting, "visibility": "public"}),
        Probe("create prompts with a taken name", 409, "POST", "/prompts", {"prompt": greeting}),
        Probe("create prompts without a template", 422, "POST", "/prompts", {"prompt": {"name": "x"}}),
        Probe(
            "create prompts with a broken template", 422, "POST", "/prompts",
            {"prompt": {"name": "bad", "template": "Hello {{ who"}},
        ),
        Probe("create prompts as a viewer", 403, "POST", "/prompts", {"prompt": greeting}, who="viewer"),
        Probe("update prompts with another template", 200, "PUT", said, {"template": "Hi {{ who }}"}),
        Probe("update prompts to a taken name", 409, "PUT", said, {"name": "greeting"}),
        Probe("render prompts", 200, "POST", said, who),
        Probe("render prompts by name", 200, "POST", "/prompts/contract-prompt", who),
        Probe("render prompts without an argument", 200, "POST", said, {}),
        Probe("render prompts with a number", 422, "POST", said, {"who": 1}),
        Probe("render prompts by an unknown id", 404, "POST", f"/prompts/{UNKNOWN}", {}),
        Probe("list roots", 200, "GET", "/roots"),
        Probe("list roots as a viewer", 403, "GET", "/roots", who="viewer"),
        Probe("list roots without a token", 401, "GET", "/roots", who="nobody"),
        Probe("create roots", 200, "POST", "/roots", two),
        Probe("create roots again", 409, "POST", "/roots", two),
        Probe("create roots of files", 400, "POST", "/roots", {"uri": "file:///srv/elsewhere"}),
        Probe("create roots with an unknown scheme", 400, "POST", "/roots", {"uri": "ftp://example.com/root"}),
        Probe("create roots without a uri", 422, "POST", "/roots", {"name": "x"}),
        Probe("read roots", 200, "GET", one),
        Probe("read roots by an unknown uri", 404, "GET", nope),
        Probe("update roots", 200, "PUT", one, {"name": "Renamed"}),
        Probe("export roots", 200, "GET", "/roots/export?uri=https%3A%2F%2Froots.example.com%2Fone"),
        Probe("delete roots", 200, "DELETE", one),
        Probe("delete roots again", 404, "DELETE", one),
    ]  # fmt: skip


def test_what_is_said_and_rendered_has_the_recorded_members(world: World) -> None:
    world.admin.post("/resources", {"resource": {"uri": "file:///r.txt", "name": "contract_res", "content": "hello"}})
    key = world.admin.get("/resources/contract-res").json()["id"]
    recorded_contents = {"type": "resource", "id": key, "uri": "file:///r.txt", "text": "hello", "blob": None}
    found = world.admin.get(f"/resources/{key}/content").json()
    assert found == recorded_contents | {"mime_type": "text/plain"}
    found = world.admin.get("/resources/test/file:///r.txt").json()
    assert found == {"content": recorded_contents | {"mimeType": "text/plain", "_meta": None}}
    found = world.admin.get("/resources/templates/list").json()
    assert found.keys() == {"_meta", "next_cursor", "resource_templates"}
    assert found["resource_templates"][0].keys() == {
        "id", "uriTemplate", "name", "description", "mimeType", "annotations", "_meta"
    }  # fmt: skip
    found = world.admin.post(f"/prompts/{world.keys['prompts']}", {"who": "world"}).json()
    content = {"type": "text", "text": "Hello world", "annotations": None, "_meta": None}
    assert found == {"messages": [{"role": "user", "content": content}], "description": "d"}
    found = world.admin.get("/roots/https%3A%2F%2Froots.example.com%2Fone").json()
    assert found == {"uri": "https://roots.example.com/one", "name": "Contract root", "_meta": None}
    found = world.admin.get("/roots/export?uri=https%3A%2F%2Froots.example.com%2Fone").json()
    assert found.keys() == {"exported_at", "exported_by", "export_type", "version", "root"}


def test_every_recorded_request_has_the_recorded_status_or_a_listed_other(world: World) -> None:
    listed = {name: (int(theirs), int(ours)) for name, theirs, ours, *_ in table("Statuses that differ")}
    named = {probe.name for probe in probes()}
    assert {name for pattern in listed for name in names_of(pattern)} <= named
    expected = {name: pair for pattern, pair in listed.items() for name in names_of(pattern)}
    different = {}
    for probe in probes():
        status = send(world, probe).status_code
        if status != probe.status:
            different[probe.name] = (probe.status, status)
    assert different == expected


def names_of(pattern: str) -> list[str]:
    """The probes a row of the table is about: `list * with ...` means every kind."""
    return [pattern.replace("*", slug) for slug in KINDS] if "*" in pattern else [pattern]


def send(world: World, probe: Probe) -> Any:
    caller = {"admin": world.admin, "viewer": world.viewer, "nobody": Caller()}[probe.who]
    body = probe.body if isinstance(probe.body, str) else dump(probe.body)
    for slug, key in world.keys.items():
        body = body.replace(f"{{{slug}}}", key)
    path = probe.path
    for slug, key in world.keys.items():
        path = path.replace(f"{{{slug}}}", key)
    return caller.send(probe.method, path, body.encode())


def dump(body: Any) -> str:
    return "" if body is None else json.dumps(body)
