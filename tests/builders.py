"""Plain builders of rows for tests: every argument has a default, every default is as dull as can be."""

from itertools import count
from typing import Any

from django.db import transaction

from auth_app.models import ApiToken, Membership, Role, RoleGrant, Team, User
from auth_app.tokens.secrets import hash_secret
from proxy_app.content.stored import settled_arguments
from proxy_app.content.templating import parse
from proxy_app.federation.agents.tool import keep_tool
from proxy_app.models import Agent, Gateway, Prompt, PromptVersion, Resource, ResourceContent, Route, Server, Tool
from proxy_app.names import display_name, public_tool_name, slugify
from proxy_app.rest.template import split_url

_numbers = count(1)


def a_user(email: str = "", *, admin: bool = False, **values: Any) -> User:
    with transaction.atomic():  # with the personal team, as the units that make people do
        return User.objects.create(email=email or f"person{next(_numbers)}@example.com", is_admin=admin, **values)


def an_admin(email: str = "") -> User:
    return a_user(email, admin=True)


def a_team(name: str = "", *, owner: User | None = None, members: tuple[User, ...] = (), **values: Any) -> Team:
    """A team with these people in it; `a_membership` adds others."""
    name = name or f"Team {next(_numbers)}"
    team = Team.objects.create(name=name, slug=slugify(name), **values)
    if owner:
        a_membership(team, owner, Membership.Role.OWNER)
    for person in members:
        a_membership(team, person)
    return team


def a_membership(team: Team, user: User, role: str = Membership.Role.MEMBER) -> Membership:
    return Membership.objects.create(team=team, user=user, role=role)


def a_role(name: str = "", permissions: tuple[str, ...] = ("tools.read",), **values: Any) -> Role:
    name = name or f"role {next(_numbers)}"
    return Role.objects.create(**{"scope": Role.Scope.GLOBAL} | values, name=name, permissions=list(permissions))


def a_grant(user: User, role: Role | str, team: Team | None = None, **values: Any) -> RoleGrant:
    """A role somebody has; those that come with the gateway by name."""
    role = Role.objects.get(name=role) if isinstance(role, str) else role
    return RoleGrant.objects.create(user=user, role=role, team=team, **values)


def a_token(user: User, name: str = "", **values: Any) -> str:
    """The secret of a new API token, for `Authorization: Bearer ...`."""
    secret = f"test-secret-{next(_numbers)}-for-{user.pk.hex}"
    ApiToken.objects.create(
        user=user,
        name=name or f"token {next(_numbers)}",
        secret_hash=hash_secret(secret),
        last_four=secret[-4:],
        **values,
    )
    return secret


def a_gateway(name: str = "", **values: Any) -> Gateway:
    """A gateway that was registered and answered; nothing connects to it."""
    name = name or f"gw{next(_numbers)}"
    defaults = {
        "url": f"https://{slugify(name)}.example.com/mcp",
        "status": Gateway.Status.ACTIVE,
        "reachable": True,
    }
    return Gateway.objects.create(**_registered(name) | defaults | values)


def a_tool(name: str = "search", *, gateway: Gateway | None = None, **values: Any) -> Tool:
    """A gateway's tool. It is as visible as its gateway and has the same owner unless told otherwise."""
    gateway = gateway or a_gateway()
    public = public_tool_name(gateway.slug, name)
    defaults = {
        "original_name": name,
        "custom_name": name,
        "display_name": display_name(name),
        "description": f"What {name} does",
        "original_description": f"What {name} does",
        "url": gateway.url,
        "input_schema": '{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}',
        "created_via": "federation",
    }
    return Tool.objects.create(**_registered(public) | defaults | _scope(gateway) | values)


def a_rest_tool(name: str = "", url: str = "https://api.example.com/pets/{id}", **values: Any) -> Tool:
    """A tool made of a REST API, as `POST /tools` makes it; nothing connects there."""
    name = name or f"pet{next(_numbers)}"
    base_url, path_template = split_url(url)
    defaults = {
        "original_name": name,
        "custom_name": name,
        "display_name": name,
        "integration_type": Tool.Integration.REST,
        "request_type": "GET",
        "url": url,
        "base_url": base_url,
        "path_template": path_template,
        "input_schema": '{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}',
        "created_via": "api",
    }
    return Tool.objects.create(**_registered(public_tool_name("", name)) | defaults | values)


def a_resource(name: str = "", *, gateway: Gateway | None = None, **values: Any) -> Resource:
    gateway = gateway or a_gateway()
    name = name or f"notes{next(_numbers)}"
    defaults = {"uri": f"file:///{name}.txt", "original_name": name, "mime_type": "text/plain", "size": 5}
    return Resource.objects.create(**_registered(name) | defaults | _scope(gateway) | values)


def a_prompt(name: str = "greet", *, gateway: Gateway | None = None, **values: Any) -> Prompt:
    gateway = gateway or a_gateway()
    public = public_tool_name(gateway.slug, name)
    defaults = {
        "original_name": name,
        "custom_name": name,
        "display_name": display_name(name),
        "arguments": [{"name": "who", "description": "whom to greet", "required": True}],
    }
    return Prompt.objects.create(**_registered(public) | defaults | _scope(gateway) | values)


def own_resource(name: str = "", *, content: str | bytes = "hello", **values: Any) -> Resource:
    """A resource of our own, with what it says."""
    name = name or f"note{next(_numbers)}"
    body = content.encode() if isinstance(content, str) else content
    defaults = {"uri": f"file:///{name}", "original_name": name, "mime_type": "text/plain", "size": len(body)}
    row = Resource.objects.create(**_registered(name) | defaults | values)
    ResourceContent.objects.create(resource=row, body=body, is_text=isinstance(content, str))
    return row


def own_prompt(name: str = "", *, template: str = "Hello {{ who }}", **values: Any) -> Prompt:
    """A prompt of our own."""
    name = name or f"prompt{next(_numbers)}"
    defaults: dict[str, Any] = {"original_name": name, "custom_name": name, "display_name": name, "template": template}
    defaults["arguments"] = settled_arguments(parse(template), ())
    row = Prompt.objects.create(**_registered(slugify(name)) | defaults | values)
    PromptVersion.objects.create(prompt=row, number=1, template=row.template, arguments=row.arguments, by="x")
    return row


def a_server(
    name: str = "", *, tools: tuple[Tool, ...] = (), aliases: dict[str, str] | None = None, **values: Any
) -> Server:
    """A virtual server with these tools in this order; `aliases` maps a tool's public name to its name here."""
    server = Server.objects.create(**_registered(name or f"server{next(_numbers)}") | values)
    for position, tool in enumerate(tools):
        server.places.create(tool=tool, alias=(aliases or {}).get(tool.name, ""), position=position)
    return server


def a_route(name: str = "", **values: Any) -> Route:
    """A proxy route; nothing connects to its upstream."""
    name = name or f"route{next(_numbers)}"
    return Route.objects.create(**_registered(name) | {"upstream_url": "https://api.example.com/v1"} | values)


def an_agent(name: str = "", *, with_tool: bool = True, **values: Any) -> Agent:
    """An agent that was registered and has a card, and the tool that stands for it; nothing connects to it."""
    name = name or f"agent{next(_numbers)}"
    defaults = {
        "endpoint_url": f"https://{slugify(name)}.example.com/a2a",
        "status": Agent.Status.ACTIVE,
        "reachable": True,
    }
    agent = Agent.objects.create(**_registered(name) | defaults | values)
    if with_tool:
        keep_tool(agent, {})
    return agent


def _registered(name: str) -> dict[str, Any]:
    return {"name": name, "slug": slugify(name), "visibility": "public", "created_by": "someone@example.com"}


def _scope(gateway: Gateway) -> dict[str, Any]:
    return {
        "gateway": gateway,
        "visibility": gateway.visibility,
        "team": gateway.team,
        "owner": gateway.owner,
    }
