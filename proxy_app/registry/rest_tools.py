"""What is said of a REST tool as the columns it becomes; and what of a tool is its gateway's to say."""

import json
from typing import Any, cast

from django.conf import settings
from pydantic.alias_generators import to_camel

from gatewaysite.responses import dump_json
from gatewaysite.validation import bad_field
from proxy_app.models import Tool
from proxy_app.registry.credentials import Credential, sealed
from proxy_app.registry.kind import Values
from proxy_app.registry.rest_bodies import Rest
from proxy_app.rest.plan import METHODS
from proxy_app.rest.template import BadTemplate, split_url, template_of
from proxy_app.upstream.addresses import check_url

DEFAULT_TIMEOUT_MS = 20_000
EMPTY_SCHEMA = '{"type":"object","properties":{}}'


def columns_of(values: Values) -> dict[str, Any]:
    """The values by the columns they become. Judges the address and seals the credential, with no transaction open."""
    columns = sealed({name: value for name, value in values.items() if name != "auth"})
    if "headers" in columns:
        columns["fixed_headers"] = columns.pop("headers") or {}
    if "input_schema" in columns:
        columns["input_schema"] = _text(columns["input_schema"]) or EMPTY_SCHEMA
    if "output_schema" in columns:
        columns["output_schema"] = _text(columns["output_schema"])
    if columns.get("annotations", "") is None:
        columns["annotations"] = {}
    for name in ("query_mapping", "header_mapping", "allowlist"):
        if name in columns:
            columns[name] = columns[name] or None
    return columns


def of_a_new_one(row: Tool, columns: dict[str, Any]) -> dict[str, Any]:
    """With what follows from the rest, of a tool made by hand."""
    if columns.get("integration_type", "REST") != "REST":
        gateways = "Tools of MCP servers come from gateways: register the server as a gateway."
        agents = "Tools of A2A agents come from agents: register the agent."
        raise bad_field("integration_type", gateways if columns["integration_type"] == "MCP" else agents)
    name = columns["custom_name"]
    defaults = {
        "integration_type": "REST", "request_type": "GET", "timeout_ms": DEFAULT_TIMEOUT_MS,
        "input_schema": EMPTY_SCHEMA, "original_name": name, "display_name": name,
        "original_description": columns.get("description"),
    }  # fmt: skip
    return changed(row, defaults | columns)


def changed(row: Tool, columns: dict[str, Any]) -> dict[str, Any]:
    """With the address that follows, of a REST tool. Raises BadInput where the parts do not fit together."""
    if columns.get("integration_type", "REST") != "REST":
        raise bad_field("integration_type", "A tool stays of the type it was made as, which is REST")
    if columns.get("request_type", row.request_type) not in METHODS:
        raise bad_field("request_type", f"A REST tool's requestType is a method: {', '.join(METHODS)}")
    columns |= _address(row, columns)
    _keep_the_credential(row, columns)
    _check_hosts(row, columns)
    return columns


def unchanged(row: Tool, columns: dict[str, Any]) -> dict[str, Any]:
    """Of an imported tool: what its gateway says of it may be sent back, and not be changed."""
    for name in OF_REST & columns.keys():
        stored = getattr(row, name)
        if columns[name] != stored and not (name in {"input_schema", "output_schema"} and _same(columns[name], stored)):
            where = "gateway" if row.integration_type == "MCP" else "agent"
            raise bad_field(
                to_camel(SAID_AS.get(name, name)),
                f"An imported tool is called as its {where} says; this cannot be changed here",
            )
    return {name: value for name, value in columns.items() if name not in OF_REST}


def _address(row: Tool, columns: Values) -> dict[str, str]:
    given = {name: columns[name] for name in ("url", "base_url", "path_template") if columns.get(name) is not None}
    if not given.get("url", "x"):
        del given["url"]
    if not given and row.base_url:
        return {name: getattr(row, name) for name in ("url", "base_url", "path_template") if name in columns}
    if not given.get("url") and not given.get("base_url", row.base_url):
        raise bad_field("url", "Where is the API? An address, such as https://api.example.com/pets/{id}")
    base, template = given.get("base_url", row.base_url), given.get("path_template", row.path_template)
    if "url" in given and given["url"] != base.rstrip("/") + template:
        if given.keys() - {"url"}:
            raise bad_field("url", "Given twice, and differently, as url and as baseUrl with pathTemplate")
        base, template = split_url(given["url"])
    return _checked(base.rstrip("/"), template, "url" if "url" in given else "base_url")


def _checked(base: str, template: str, field: str) -> dict[str, str]:
    if "{" in base or "?" in base:
        raise bad_field(field, "Arguments may stand in the path only, behind the host")
    check_url(base, settings.UPSTREAM_ALLOWED_NETWORKS, field=field)
    try:
        template_of(template)
        template_of(split_url(base)[1])
    except BadTemplate as error:
        raise bad_field(field if field == "url" else "path_template", str(error)) from error
    return {"url": base + template, "base_url": base, "path_template": template}


def _keep_the_credential(row: Tool, columns: Values) -> None:
    """Whoever may edit a tool must not learn its secret by having it sent elsewhere."""
    moved = _origin(columns.get("base_url", row.base_url)) != _origin(row.base_url)
    if row.sealed_headers and moved and "sealed_headers" not in columns:
        raise bad_field("url", "The stored credential is for another host; send the credential again, or none")


def _check_hosts(row: Tool, columns: Values) -> None:
    allowed = columns.get("allowlist", row.allowlist)
    host = _origin(columns.get("base_url", row.base_url)).partition("://")[2].lower()
    if allowed and host not in allowed and host.partition(":")[0] not in allowed:
        raise bad_field("allowlist", f"The tool's own host, {host}, is not among these")


def _origin(url: str) -> str:
    return split_url(url)[0]


def _same(one: str | None, other: str | None) -> bool:
    return cast(bool, json.loads(one or "null") == json.loads(other or "null"))


def _text(schema: Any) -> str | None:
    return None if schema is None else dump_json(schema).decode()


def _column(field: str) -> str:
    return "fixed_headers" if field == "headers" else field


# The columns that a gateway or an agent decides on, of a tool that is not REST.
OF_REST = {
    *map(_column, Rest.model_fields.keys() - Credential.model_fields.keys() - {"auth", "title"}),
    "auth_type", "sealed_headers",
}  # fmt: skip
SAID_AS = {"fixed_headers": "headers", "sealed_headers": "auth"}
