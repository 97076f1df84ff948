"""What is registered: the same lines for every kind, and what single kinds have beside."""

from typing import Any

from proxy_app.registry.kinds import KINDS
from tests.contract.access.table import CHANGE, MAKE_OWN, OPERATE, SEE, Table, for_some, of_blue, signed_in

TEAM = {"visibility": "team", "team_id": "{blue}"}
CREATED: dict[str, dict[str, Any]] = {
    "agents": {"agent": {"name": "new", "endpoint_url": "https://agent.example.com/a2a"}},
    "gateways": {"name": "new", "url": "https://mcp.example.com/mcp"},
    "servers": {"server": {"name": "new"}},
    "tools": {"tool": {"name": "new", "url": "https://api.example.com/x"}},
    "resources": {"resource": {"name": "new", "uri": "file:///new", "content": "x"}},
    "prompts": {"prompt": {"name": "new", "template": "x"}},
    "routes": {"name": "new", "upstreamUrl": "https://api.example.com"},
}


def of_kinds() -> Table:
    table: Table = {}
    for kind in KINDS:
        slug, one = kind.slug, kind.slug
        for name in (slug, *kind.also_at):
            for path in (name, f"{name}/"):
                table["GET", path] = signed_in()
                table["POST", path] = for_some(CHANGE, body=CREATED[slug] | TEAM)
            table |= {
                ("GET", f"{name}/ids"): signed_in(),
                # What may not be done is told of each item.
                ("POST", f"{name}/bulk"): signed_in(body={"action": "disable", "ids": ["x"]}),
                ("GET", f"{name}/<key>"): of_blue(SEE, one),
                ("PATCH", f"{name}/<key>"): of_blue(CHANGE, one, body={"description": "x"}),
                ("PUT", f"{name}/<key>"): of_blue(CHANGE, one, body={"description": "x"}),
                ("DELETE", f"{name}/<key>"): of_blue(CHANGE, one),
                ("POST", f"{name}/<key>/state"): of_blue(CHANGE, one, query="activate=false"),
            }
        table |= {
            ("GET", f"admin/{slug}"): signed_in(),
            ("POST", f"admin/{slug}/bulk"): signed_in(
                body={"action": "disable", "chosen": f"{{{slug}}}", "confirmed": "yes"}
            ),
            ("GET", f"admin/{slug}/<key>"): of_blue(SEE, one),
            ("GET", f"admin/{slug}/<key>/edit"): of_blue(CHANGE, one),
            ("POST", f"admin/{slug}/<key>/edit"): of_blue(CHANGE, one, body={"name": "n"}),
            ("POST", f"admin/{slug}/<key>/state"): of_blue(CHANGE, one, body={"enabled": "no"}),
            ("GET", f"admin/{slug}/<key>/delete"): of_blue(CHANGE, one),
            ("POST", f"admin/{slug}/<key>/delete"): of_blue(CHANGE, one),
        }
        # Without a name nothing is made, and whoever is signed in may make something of their own.
        table |= {("GET", f"admin/{slug}/new"): signed_in(), ("POST", f"admin/{slug}/new"): signed_in()}
    return table


TABLE: Table = of_kinds() | {
    ("GET", "openapi.json"): signed_in(),
    ("GET", "docs"): signed_in(),
    ("GET", "docs/<tag>"): signed_in(),
    ("GET", "docs/schemas/<name>"): signed_in(),
    ("GET", "search"): signed_in(query="q=x"),
    ("GET", "admin/search"): signed_in(query="q=x"),
    ("GET", "tags"): signed_in(),
    ("GET", "tags/<name>/entities"): signed_in(),
    ("GET", "admin/tags"): signed_in(),
    ("GET", "admin/tags/change"): signed_in(query="tag=x"),
    ("POST", "admin/tags/change"): signed_in(body={"tag": "x"}),
    ("GET", "resources/<key>/info"): of_blue(SEE, "resources"),
    ("GET", "resources/templates/list"): signed_in(),
    ("GET", "resources/test/<key>"): of_blue(SEE, "uri"),
    ("GET", "resources/<key>/content"): of_blue(SEE, "resources"),
    ("POST", "prompts/<key>"): of_blue(SEE, "prompts", body={"who": "world"}),
    ("GET", "prompts/<key>/versions"): of_blue(SEE, "prompts"),
    ("POST", "prompts/<key>/versions/<number>/restore"): of_blue(CHANGE, "prompts"),
    ("GET", "roots"): for_some(OPERATE),
    ("GET", "roots/"): for_some(OPERATE),
    ("POST", "roots"): for_some(OPERATE, body={"uri": "https://example.com/new"}),
    ("POST", "roots/"): for_some(OPERATE, body={"uri": "https://example.com/new"}),
    ("GET", "roots/export"): for_some(OPERATE, query="uri=https://example.com/root"),
    ("GET", "roots/<root>"): for_some(OPERATE),
    ("PUT", "roots/<root>"): for_some(OPERATE, body={"name": "n"}),
    ("DELETE", "roots/<root>"): for_some(OPERATE),
    ("GET", "admin/roots"): for_some(OPERATE),
    ("POST", "admin/roots"): for_some(OPERATE, body={"uri": "https://example.com/new"}),
    ("POST", "admin/roots/remove"): for_some(OPERATE, body={"uri": "https://example.com/root"}),
    ("GET", "servers/<key>/tools"): of_blue(SEE, "servers"),
    ("GET", "servers/<key>/resources"): of_blue(SEE, "servers"),
    ("GET", "servers/<key>/prompts"): of_blue(SEE, "servers"),
    ("GET", "servers/<key>/connect"): of_blue(SEE, "servers"),
    ("POST", "gateways/<key>/tools/refresh"): of_blue(CHANGE, "gateways"),
    ("POST", "mcp-servers/<key>/tools/refresh"): of_blue(CHANGE, "gateways"),
    ("POST", "agents/<key>/refresh"): of_blue(CHANGE, "agents"),
    ("POST", "a2a/<key>/refresh"): of_blue(CHANGE, "agents"),
    ("POST", "admin/gateways/<key>/refresh"): of_blue(CHANGE, "gateways"),
    ("GET", "admin/gateways/<key>/progress"): of_blue(SEE, "gateways"),
    ("POST", "tools/preview/<key>"): of_blue(SEE - {"viewer", "read-only token"}, "tools", body={"arguments": {}}),
    ("POST", "tools/import-openapi"): for_some(
        CHANGE, body={"document": {"openapi": "3.1.0", "paths": {}}, "base_url": "https://api.example.com"} | TEAM
    ),
    # Without a document nothing is looked at, and whoever is signed in may make tools of their own.
    ("POST", "tools/generate-schemas-from-openapi"): for_some(MAKE_OWN, body={"url": "http://127.0.0.1/x"}),
    ("GET", "admin/tools/import"): signed_in(),
    ("POST", "admin/tools/import"): signed_in(),
    ("GET", "admin/servers/<key>/members"): of_blue(CHANGE, "servers"),
    ("POST", "admin/servers/<key>/members"): of_blue(CHANGE, "servers"),
    ("GET", "admin/servers/<key>/connect"): of_blue(SEE, "servers"),
    ("POST", "admin/servers/<key>/connect"): of_blue(SEE, "servers"),
    # What may not be called says so under the form.
    ("GET", "admin/tools/<key>/call"): of_blue(SEE, "tools"),
    ("POST", "admin/tools/<key>/call"): of_blue(SEE, "tools"),
    ("GET", "admin/agents/<key>/tell"): of_blue(SEE, "agents"),
    ("POST", "admin/agents/<key>/tell"): of_blue(SEE, "agents"),
    ("GET", "admin/resources/<key>/read"): of_blue(SEE, "resources"),
    ("POST", "admin/resources/<key>/read"): of_blue(SEE, "resources"),
    ("GET", "admin/prompts/<key>/render"): of_blue(SEE, "prompts"),
    ("POST", "admin/prompts/<key>/render"): of_blue(SEE, "prompts", body={"given-who": "world"}),
    ("POST", "admin/prompts/<key>/versions/<number>/restore"): of_blue(CHANGE, "prompts"),
    ("POST", "admin/agents/<key>/refresh"): of_blue(CHANGE, "agents"),
    ("GET", "admin/agents/<key>/progress"): of_blue(SEE, "agents"),
    ("GET", "admin/routes/<key>/try"): of_blue(SEE, "routes"),
    ("POST", "admin/routes/<key>/try"): of_blue(SEE, "routes"),
}
