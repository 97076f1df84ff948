"""The forms that add and edit items: the controls of a kind, the body they stand for, and errors back at their field.

A control is a plain dict; the rules are those of the kind's pydantic models, the same that JSON bodies obey.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from gatewaysite.controls import FALSE, Field, Item, Texts, choices, control, every_control, part, with_messages
from gatewaysite.errors import BadInput, Conflict, GatewayError
from proxy_app.proxy_rules import (
    BODY_LIMIT_BYTES,
    DEFAULT_METHODS,
    DEFAULT_REQUEST_HEADERS,
    DEFAULT_RESPONSE_HEADERS,
)
from proxy_app.registry.oauth_form import BLANK_OAUTH, OAUTH, OAUTH_SAME_AS, oauth_body, oauth_fields, oauth_texts
from proxy_app.registry.pool_form import pool_body, pool_fields, pool_texts

KEEP = "keep"
VISIBILITIES = (("public", "Everybody"), ("team", "A team"), ("private", "Only me"))
CREDENTIALS = (
    ("none", "None"),
    ("bearer", "Bearer token"),
    ("basic", "User and password"),
    ("authheaders", "A header of its own"),
)
QUERIES = (("pass", "Passes as it is"), ("listed", "May have these parameters only"), ("refuse", "Is refused"))
BLANK_GATEWAY = {"auth_type": "none", **BLANK_OAUTH}
BLANK_ROUTE = {
    "auth_type": "none",
    "methods": ", ".join(DEFAULT_METHODS),
    "query_policy": "pass",
    "request_headers": ", ".join(DEFAULT_REQUEST_HEADERS),
    "response_headers": ", ".join(DEFAULT_RESPONSE_HEADERS),
    "strip_prefix": "on",
    "streaming": "on",
    "body_limit_bytes": str(BODY_LIMIT_BYTES),
}
ROUTE_CHECKS = {"strip_prefix": "stripPrefix", "streaming": "streaming", "redirects": "redirects"}
CREDENTIAL_FIELDS = {
    "bearer": ("auth_token",),
    "basic": ("auth_username", "auth_password"),
    "authheaders": ("auth_header_key", "auth_header_value"),
}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What the person who fills the form in may choose: teams as (id, name), and whether `public` is among it."""

    teams: Sequence[tuple[str, str]]
    may_publish: bool


def fields_for(slug: str, texts: Texts, scope: Scope, *, item: Item | None) -> list[Field]:
    """The form's controls, filled in. `item` is what is edited, None when something is added."""
    return [*OWN_FIELDS[slug](texts, item), *_scope_fields(texts, scope)]


def blank_texts(slug: str, scope: Scope) -> Texts:
    """What an empty form holds."""
    texts = {"visibility": "public" if scope.may_publish else "private"}
    return texts | {"gateways": BLANK_GATEWAY, "routes": BLANK_ROUTE}.get(slug, {})


def texts_of(slug: str, item: Item) -> Texts:
    """What the form of an existing item holds. Secrets are never among it."""
    texts = {name: item[member] or "" for name, member in MEMBERS[slug].items()}
    texts |= {
        "description": item["description"] or "",
        "tags": ", ".join(tag["label"] for tag in item["tags"]),
        "visibility": item["visibility"],
        "team_id": item["teamId"] or "",
    }
    if slug in {"gateways", "routes"}:
        texts["auth_type"] = KEEP if item["authType"] else "none"
        texts |= pool_texts(item)
    if slug == "gateways":
        texts |= oauth_texts(item)
    if slug == "routes":
        texts |= _route_texts(item)
    if slug == "tools":
        texts["deprecated"] = "on" if item["deprecated"] else FALSE
        texts["timeout_ms"] = str(item["timeoutMs"] or "")
    return texts


def posted_texts(post: QueryDict) -> Texts:
    return {name: text for name, text in post.items() if isinstance(text, str)}


def body_of(slug: str, post: QueryDict) -> dict[str, Any]:
    """The body a JSON client would have sent in place of this form."""
    texts = {name: _typed(name, text) for name, text in posted_texts(post).items()}
    body: dict[str, Any] = {name: texts.get(name, "") for name in MEMBERS[slug] if texts.get(name) or name in NEEDED}
    body |= {
        "description": texts.get("description") or None,
        "tags": [tag for part in texts.get("tags", "").split(",") if (tag := part.strip())],
        "visibility": texts.get("visibility", ""),
        "team_id": (texts.get("team_id") or None) if texts.get("visibility") == "team" else None,
    }
    own = OWN_BODY.get(slug)
    return body | own(texts, post) if own else body


def _typed(name: str, text: str) -> str:
    """A text as it was meant: browsers end lines with CR LF, people leave blanks. A secret is left as it is."""
    return text if name.startswith(("auth_", "oauth_client_secret")) else text.replace("\r\n", "\n").strip()


def with_errors(fields: Sequence[Field], error: GatewayError) -> tuple[list[Field], list[dict[str, str]]]:
    """The controls with their errors, and the summary. What fits no control is in the summary alone."""
    labels = {field["key"]: field["label"] for field in every_control(fields)}
    messages: dict[str, str] = {}
    summary = []
    for name, message in _complaints(error):
        if name in labels:
            messages.setdefault(name, message)
        summary.append({"id": name if name in labels else "", "label": labels.get(name, ""), "message": message})
    return with_messages(fields, messages), summary


def _complaints(error: GatewayError) -> list[tuple[str, str]]:
    if isinstance(error, BadInput) and error.fields:
        return [(_field_name(one.loc), _sentence(one.type, one.msg)) for one in error.fields]
    return [("name" if isinstance(error, Conflict) else "", error.message)]


def _field_name(loc: Sequence[str | int]) -> str:
    """The control a complaint belongs to: `("body", "authToken")` is about `auth_token`; each option has one too."""
    of_options = len(loc) > 2 and loc[1] in {"poolOptions", "pool_options"}
    name = str(loc[2 if of_options else 1]) if len(loc) > 1 else ""
    if name in {"oauthConfig", "oauth_config"} and len(loc) > 2:
        name = f"oauth_{loc[2]}"
    return SAME_AS.get(snake := re.sub(r"([A-Z])", r"_\1", name).lower(), snake)


def _sentence(type_: str, message: str) -> str:
    if type_ in {"missing", "string_too_short", "too_short"}:
        return "This is needed."
    if type_ in {"string_too_long", "too_long"} and (limit := re.match(r"(?:String|Value) .* at most (\d+)", message)):
        return f"This is too long: at most {limit[1]} characters."
    if type_ == "string_pattern_mismatch":  # only names of tools have a pattern, and that is no sentence
        return "Names of tools have letters, digits, underscores, dots and hyphens only, at most 128."
    message = message.removeprefix("Value error, ")
    return message if message.endswith((".", "!", "?")) else f"{message}."


def _gateway_fields(texts: Texts, item: Item | None) -> list[Field]:
    return [
        control(
            "name", "Name", texts, required=True, help="The names of its tools begin with it: “Demo” makes demo-echo."
        ),
        control("url", "URL", texts, "url", required=True, placeholder="https://mcp.example.com/mcp",
                 help="Its MCP endpoint, over streamable HTTP."),
        control("description", "Description", texts, "long"),
        *_credential_fields(texts, item, OAUTH),
        *oauth_fields(texts, item),
        *pool_fields("gateways", texts, item),
    ]  # fmt: skip


def _credential_fields(texts: Texts, item: Item | None, more: Sequence[tuple[str, str]] = ()) -> list[Field]:
    stored = item["authType"] if item else None
    credentials = [(KEEP, "Keep the stored one")] if stored not in {None, "oauth"} else []
    credentials += [*CREDENTIALS, *more]
    secret = {"kind": "password", "autocomplete": "new-password"}
    return [
        control("auth_type", "Credential", texts, "select", required=True, chooses=True,
                 choices=choices(credentials), help="What we send it to be let in. Kept sealed, never shown again."),
        control("auth_token", "Token", {}, when="when bearer inset", **secret),
        control("auth_username", "User", texts, when="when basic inset"),
        control("auth_password", "Password", {}, when="when basic inset", **secret),
        control("auth_header_key", "Header", texts, when="when authheaders inset", placeholder="X-Api-Key"),
        control("auth_header_value", "Value", {}, when="when authheaders inset", **secret),
    ]  # fmt: skip


def _route_fields(texts: Texts, item: Item | None) -> list[Field]:
    names = "Separated by commas. x-* stands for all that begin so."
    return [
        control("name", "Name", texts, required=True, help="The address is /proxy/ and the slug made of it."),
        control("upstream_url", "Upstream", texts, required=True, placeholder="https://api.example.com/v1",
                 help="What follows the prefix in a request is appended to it. https unless it says otherwise."),
        control("description", "Description", texts, "long"),
        *_credential_fields(texts, item),
        part("Requests"),
        control("methods", "Methods", texts, required=True, help="Separated by commas. All others are refused."),
        control("query_policy", "Query", texts, "select", required=True, chooses=True, choices=choices(QUERIES)),
        control("query_parameters", "Parameters", texts, "long", when="when listed inset",
                 help="Separated by commas."),
        control("request_headers", "Headers that pass to the upstream", texts, "long", help=names),
        control("added_headers", "Headers to add", texts, "lines", placeholder="X-Tenant: blue",
                 help="One per line, as Name: value. Everybody who sees the route sees them; secrets go above."),
        control("body_limit_bytes", "Largest body", texts, "number", type="bytes", required=True),
        part("Path"),
        control("strip_prefix", "Leave /proxy/ and the slug out of what the upstream sees", texts, "check"),
        control("replace_from", "Replace", texts, placeholder="/v1", help="A beginning of the rest of the path."),
        control("replace_to", "By", texts, placeholder="/api/v2"),
        part("Answers"),
        control("response_headers", "Headers that pass to the client", texts, "long",
                 help=f"{names} Without cache-control nobody may store an answer."),
        control("streaming", "May be event streams", texts, "check"),
        control("redirects", "May be redirects", texts, "check", help="Otherwise a redirect is an error."),
        *pool_fields("routes", texts, item, [_total_timeout(texts)]),
        part("Who may use it"),
    ]  # fmt: skip


def _total_timeout(texts: Texts) -> Field:
    return control(
        "total_timeout_ms", "For all of a request", texts, "number", type="milliseconds", placeholder="no limit"
    )


def _server_fields(texts: Texts, item: Item | None) -> list[Field]:
    return [
        control("name", "Name", texts, required=True, help="Its address ends in the slug made of it."),
        control("description", "Description", texts, "long"),
    ]


def _tool_fields(texts: Texts, item: Item | None) -> list[Field]:
    gateway = item["gatewaySlug"] if item else ""
    help_text = f"Clients call it {gateway}-…; the upstream's own name stays {item['originalName']}." if item else ""
    return [
        control("custom_name", "Name", texts, required=True, help=help_text),
        control("display_name", "Display name", texts),
        control("description", "Description", texts, "long", help="What models read to choose it."),
        control("timeout_ms", "Time-out", texts, "number", type="milliseconds", help="Empty: the default."),
        control("deprecated", "Deprecated", texts, "check", help="Still callable; shown as such to people."),
    ]


def _resource_fields(texts: Texts, item: Item | None) -> list[Field]:
    return [
        control("name", "Name", texts, required=True),
        control("description", "Description", texts, "long"),
    ]


def _prompt_fields(texts: Texts, item: Item | None) -> list[Field]:
    return [
        control("custom_name", "Name", texts, required=True),
        control("display_name", "Display name", texts),
        control("description", "Description", texts, "long"),
    ]


def _scope_fields(texts: Texts, scope: Scope) -> list[Field]:
    """Who may see the item. What this person may not choose is shown, switched off, with the reason."""
    visibilities = choices(VISIBILITIES)
    if not scope.may_publish and texts.get("visibility") != "public":
        visibilities[0] |= {"label": "Everybody (only administrators publish)", "disabled": True}
    if not scope.teams and texts.get("visibility") != "team":
        visibilities[1] |= {"label": "A team (you are a member of none)", "disabled": True}
    teams = choices(scope.teams)
    return [
        control("tags", "Tags", texts, help="Separated by commas."),
        control("visibility", "Visible to", texts, "select", required=True, chooses=True, choices=visibilities),
        control("team_id", "Team", texts, "select", unset="Choose a team", choices=teams, when="when team inset"),
    ]


OWN_FIELDS: dict[str, Callable[[Texts, Item | None], list[Field]]] = {
    "gateways": _gateway_fields,
    "servers": _server_fields,
    "tools": _tool_fields,
    "resources": _resource_fields,
    "prompts": _prompt_fields,
    "routes": _route_fields,
}
# Text controls and the members of the plain item they show.
MEMBERS: dict[str, dict[str, str]] = {
    "gateways": {"name": "name", "url": "url"},
    "servers": {"name": "name"},
    "tools": {"custom_name": "customName", "display_name": "displayName"},
    "resources": {"name": "name"},
    "prompts": {"custom_name": "customName", "display_name": "displayName"},
    "routes": {"name": "name", "upstream_url": "upstreamUrl"},
}
NEEDED = frozenset({"name", "custom_name", "url", "upstream_url"})
# Fields of a body that have no control of their own.
SAME_AS = {"associated_tools": "tools", "tool_aliases": "tools", "credential": "auth_type", **OAUTH_SAME_AS}


def _gateway_body(texts: Texts, post: QueryDict) -> dict[str, Any]:
    return _credential_body(texts) | oauth_body(texts) | pool_body("gateways", texts)


def _credential_body(texts: Texts) -> dict[str, Any]:
    """The credential's fields of the chosen kind only; none of them to keep what is stored."""
    chosen = texts.get("auth_type", "none")
    if chosen == KEEP:
        return {}
    return {"auth_type": chosen} | {name: texts.get(name, "") for name in CREDENTIAL_FIELDS.get(chosen, ())}


def _server_body(texts: Texts, post: QueryDict) -> dict[str, Any]:
    chosen = post.getlist("tools")
    aliases = {key: alias for key in chosen if (alias := texts.get(f"alias:{key}", ""))}
    return {"associated_tools": chosen, "tool_aliases": aliases}


def _tool_body(texts: Texts, post: QueryDict) -> dict[str, Any]:
    return {"deprecated": "deprecated" in texts, "timeout_ms": texts.get("timeout_ms") or None}


def _route_texts(item: Item) -> Texts:
    added = json.loads(item["addedHeaders"])
    return {
        "methods": ", ".join(item["methods"]),
        "query_policy": item["queryPolicy"],
        "query_parameters": ", ".join(item["queryParameters"]),
        "request_headers": ", ".join(item["requestHeaders"]),
        "response_headers": ", ".join(item["responseHeaders"]),
        "added_headers": "\n".join(f"{name}: {value}" for name, value in sorted(added.items())),
        "replace_from": item["replaceFrom"],
        "replace_to": item["replaceTo"],
        "body_limit_bytes": str(item["bodyLimitBytes"]),
        **{name: "on" if item[member] else FALSE for name, member in ROUTE_CHECKS.items()},
        "total_timeout_ms": str(item["totalTimeoutMs"] or ""),
    }


def _route_body(texts: Texts, post: QueryDict) -> dict[str, Any]:
    body = _credential_body(texts) | pool_body("routes", texts)
    body |= {name: texts.get(name, "") for name in ("query_policy", "replace_from", "replace_to", "body_limit_bytes")}
    body |= {name: name in texts for name in ROUTE_CHECKS}
    body["total_timeout_ms"] = texts.get("total_timeout_ms") or None
    for name in ("methods", "query_parameters", "request_headers", "response_headers"):
        body[name] = re.findall(r"[^\s,]+", texts.get(name, ""))
    pairs = [line.partition(":") for line in texts.get("added_headers", "").split("\n") if line.strip()]
    body["added_headers"] = {name.strip(): value.strip() for name, _colon, value in pairs}
    return body


OWN_BODY: dict[str, Callable[[Texts, QueryDict], dict[str, Any]]] = {
    "gateways": _gateway_body,
    "servers": _server_body,
    "tools": _tool_body,
    "routes": _route_body,
}
