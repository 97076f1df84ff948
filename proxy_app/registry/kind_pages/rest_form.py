"""The part of a tool's form, and of its facts, that only a tool made of a REST API has."""

import json
from collections.abc import Mapping
from typing import Any

from gatewaysite.controls import Field, Texts, choices, control, fold, part
from proxy_app.registry.credential_form import (
    BLANK_CREDENTIAL,
    WORDS,
    credential_body,
    credential_fields,
    credential_texts,
)
from proxy_app.registry.pieces import Plain, fact, parsed, pretty_unless_empty
from proxy_app.rest.plan import METHODS

Item = Mapping[str, Any]

ENCODINGS = (("json", "JSON"), ("form", "A form"), ("multipart", "A form with files (multipart)"))
BLANK = {
    **BLANK_CREDENTIAL,
    "request_type": "GET",
    "body_encoding": "json",
    "input_schema": '{\n  "type": "object",\n  "properties": {}\n}',
    "timeout_ms": "20000",
}
REST_SAME_AS = {
    "base_url": "url", "path_template": "url", "credential": "auth_type", "auth": "auth_type", "allowlist": "url",
}  # fmt: skip
LINES = {"headers": "headers", "query_mapping": "queryMapping", "header_mapping": "headerMapping"}
OBJECTS = {"input_schema": "inputSchema", "output_schema": "outputSchema", "annotations": "annotations"}
TEXTS = {
    "url": "url", "request_type": "requestType", "body_encoding": "bodyEncoding", "body_argument": "bodyArgument",
    "jsonpath_filter": "jsonpathFilter",
}  # fmt: skip


def rest_fields(texts: Texts, item: Item | None) -> list[Field]:
    pair = "One per line, as argument: name."
    return [
        part("Request"),
        control("request_type", "Method", texts, "select", required=True,
                choices=choices([(one, one) for one in METHODS])),
        control("url", "URL", texts, required=True, placeholder="https://api.example.com/pets/{id}",
                help="{id} stands for the argument id."),
        control("input_schema", "Arguments", texts, "json", type="JSON Schema",
                help="What stands in no other place goes into the query, or into the body of POST, PUT and PATCH."),
        *credential_fields(texts, _credential(item)),
        fold("Where arguments go", [
            control("query_mapping", "Into the query", texts, "lines", placeholder="page: pageNumber", help=pair),
            control("header_mapping", "Into headers", texts, "lines", placeholder="tenant: X-Tenant", help=pair),
            control("body_argument", "The whole body", texts, help="The argument that is the body by itself."),
        ]),
        control("body_encoding", "Body as", texts, "select", required=True, choices=choices(ENCODINGS)),
        fold("Headers and hosts", [
            control("headers", "Fixed headers", texts, "lines", placeholder="X-Static: 1",
                    help="One per line, as Name: value. Everybody who sees the tool sees them; secrets go above."),
            control("allowlist", "Hosts it may be sent to", texts, "lines", placeholder="api.example.com",
                    help="One per line. Empty: any that is allowed here."),
        ]),
        fold("Answer and hints", [
            control("jsonpath_filter", "What is taken of it", texts, placeholder="items[].name",
                    help="JMESPath, or a plain path of jq such as .items[0].name."),
            control("output_schema", "What it promises", texts, "json", type="JSON Schema",
                    help="An answer that is otherwise becomes an error."),
            control("annotations", "Hints", texts, "json", type="JSON", placeholder='{"readOnlyHint": true}',
                    help="readOnlyHint, destructiveHint, idempotentHint, openWorldHint: what clients ask."),
        ]),
        part("Calls"),
    ]  # fmt: skip


def rest_texts(item: Item) -> Texts:
    return {
        **credential_texts(_credential(item) or {"authType": None}),
        **{name: item[member] or "" for name, member in TEXTS.items()},
        **{name: pretty_unless_empty(item[member]) for name, member in OBJECTS.items()},
        **{name: _lines(parsed(item[member])) for name, member in LINES.items()},
        "allowlist": "\n".join(parsed(item["allowlist"]) or ()),
    }


def rest_body(texts: Texts) -> Plain:
    return {
        **credential_body(texts),
        **{name: texts.get(name, "") for name in TEXTS},
        **{name: _value(texts.get(name, "")) for name in OBJECTS},
        **{name: _pairs(texts.get(name, "")) for name in LINES},
        "allowlist": [line.strip() for line in texts.get("allowlist", "").split("\n") if line.strip()],
    }


def rest_facts(item: Item) -> list[Plain]:
    return [
        fact("Method", item["requestType"], "code"),
        fact("URL", item["url"], "code"),
        fact("Credential", WORDS.get((item["auth"] or {}).get("authType", ""))),
        fact("Headers", sorted(parsed(item["headers"]) or ()), "tags"),
        fact("Body as", item["bodyEncoding"] if item["bodyEncoding"] != "json" else None),
        fact("Taken of the answer", item["jsonpathFilter"], "code"),
        fact("Imported from", item["operation"], "code"),
    ]


def _credential(item: Item | None) -> dict[str, Any] | None:
    return None if item is None else {"authType": (item["auth"] or {}).get("authType")}


def _lines(pairs: Any) -> str:
    return "\n".join(f"{name}: {value}" for name, value in (pairs or {}).items())


def _pairs(text: str) -> dict[str, str]:
    pairs = [line.partition(":") for line in text.split("\n") if line.strip()]
    return {name.strip(): value.strip() for name, _colon, value in pairs}


def _value(text: str) -> Any:
    """An object as it was written; what is no JSON stays a text, which the rules then complain about."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
