"""The pages of proxy routes: their rules, and trying one."""

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import QueryDict

from auth_app.actor import Actor
from gatewaysite.controls import FALSE, Field, Texts, choices, control, part
from proxy_app.observe.work import calls_through
from proxy_app.proxy_rules import (
    BODY_LIMIT_BYTES,
    DEFAULT_METHODS,
    DEFAULT_REQUEST_HEADERS,
    DEFAULT_RESPONSE_HEADERS,
)
from proxy_app.registry import route_trial
from proxy_app.registry.access import may_do_item
from proxy_app.registry.credential_form import (
    BLANK_CREDENTIAL,
    WORDS,
    credential_body,
    credential_fields,
    credential_texts,
)
from proxy_app.registry.page import Filling, KindPage
from proxy_app.registry.pieces import Plain, fact
from proxy_app.registry.pool_facts import pool_facts
from proxy_app.registry.pool_form import pool_body, pool_fields, pool_texts
from proxy_app.registry.snippets import route_snippets

Item = Mapping[str, Any]

CALLS_SHOWN = 20
QUERIES = (("pass", "Passes as it is"), ("listed", "May have these parameters only"), ("refuse", "Is refused"))
CHECKS = {"strip_prefix": "stripPrefix", "streaming": "streaming", "redirects": "redirects"}
BLANK = {
    **BLANK_CREDENTIAL,
    "methods": ", ".join(DEFAULT_METHODS),
    "query_policy": "pass",
    "request_headers": ", ".join(DEFAULT_REQUEST_HEADERS),
    "response_headers": ", ".join(DEFAULT_RESPONSE_HEADERS),
    "strip_prefix": "on",
    "streaming": "on",
    "body_limit_bytes": str(BODY_LIMIT_BYTES),
}


def fields(filling: Filling) -> list[Field]:
    texts, item = filling.texts, filling.item
    names = "Separated by commas. x-* stands for all that begin so."
    return [
        control("name", "Name", texts, required=True, help="The address is /proxy/ and the slug made of it."),
        control("upstream_url", "Upstream", texts, required=True, placeholder="https://api.example.com/v1",
                 help="What follows the prefix in a request is appended to it. https unless it says otherwise."),
        control("description", "Description", texts, "long"),
        *credential_fields(texts, item),
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


def texts(item: Item) -> Texts:
    added = json.loads(item["addedHeaders"])
    return {
        **credential_texts(item),
        **pool_texts(item),
        "methods": ", ".join(item["methods"]),
        "query_policy": item["queryPolicy"],
        "query_parameters": ", ".join(item["queryParameters"]),
        "request_headers": ", ".join(item["requestHeaders"]),
        "response_headers": ", ".join(item["responseHeaders"]),
        "added_headers": "\n".join(f"{name}: {value}" for name, value in sorted(added.items())),
        "replace_from": item["replaceFrom"],
        "replace_to": item["replaceTo"],
        "body_limit_bytes": str(item["bodyLimitBytes"]),
        **{name: "on" if item[member] else FALSE for name, member in CHECKS.items()},
        "total_timeout_ms": str(item["totalTimeoutMs"] or ""),
    }


def body(texts: Texts, post: QueryDict) -> Plain:
    made = credential_body(texts) | pool_body("routes", texts)
    made |= {name: texts.get(name, "") for name in ("query_policy", "replace_from", "replace_to", "body_limit_bytes")}
    made |= {name: name in texts for name in CHECKS}
    made["total_timeout_ms"] = texts.get("total_timeout_ms") or None
    for name in ("methods", "query_parameters", "request_headers", "response_headers"):
        made[name] = re.findall(r"[^\s,]+", texts.get(name, ""))
    pairs = [line.partition(":") for line in texts.get("added_headers", "").split("\n") if line.strip()]
    made["added_headers"] = {name.strip(): value.strip() for name, _colon, value in pairs}
    return made


def facts(item: Item) -> list[Plain]:
    rewritten = f"{item['replaceFrom']} → {item['replaceTo'] or '(nothing)'}" if item["replaceFrom"] else None
    return [
        fact("Upstream", item["upstreamUrl"], "code"),
        fact("Credential", WORDS.get(item["authType"] or "", item["authType"])),
        fact("Methods", item["methods"], "tags"),
        fact("Query", {"pass": None, "listed": "these only", "refuse": "refused"}[item["queryPolicy"]]),
        fact("Parameters", item["queryParameters"] if item["queryPolicy"] == "listed" else None, "tags"),
        fact("Path", None if item["stripPrefix"] else "with /proxy/ and the slug"),
        fact("Rewritten", rewritten, "code"),
        fact("Largest body", f"{item['bodyLimitBytes']:,} bytes"),
        fact("Limit for all of it", f"{item['totalTimeoutMs']:,} ms" if item["totalTimeoutMs"] else None),
        fact("Event streams", None if item["streaming"] else "refused"),
        fact("Redirects", "pass to the client" if item["redirects"] else None),
        *pool_facts(item),
    ]


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    return trial_context(actor, item, {})


def trial_context(actor: Actor, item: Item, filled_in: Mapping[str, str], result: Plain | None = None) -> Plain:
    """The form to try the route with, and what came back. Who may change a route sees everybody's requests through it,
    others their own."""
    everybody = may_do_item(actor, "update", "routes", item)
    calls = calls_through(UUID(item["id"]), None if everybody else actor.user_id, CALLS_SHOWN)
    return {
        "part": "routes/detail.html",
        "address": item["proxyUrl"],
        "snippets": route_snippets(item["proxyUrl"]),
        "trial": route_trial.trial_fields(item["methods"], filled_in),
        "callable": item["enabled"],
        "result": result,
        "calls": [route_trial.call_row(call) for call in calls],
        "whose": "Everybody's" if everybody else "Yours",
        "headers": [
            {"label": "To the upstream", "names": item["requestHeaders"]},
            {"label": "To the client", "names": item["responseHeaders"]},
        ],
        "added": dict(sorted(json.loads(item["addedHeaders"]).items())),
    }


def goes_along(actor: Actor, item: Item) -> list[str]:
    return [f"Clients that call {item['proxyUrl']} are answered 404."]


PAGE = KindPage(
    fields=fields,
    shown={"name": "name", "upstream_url": "upstreamUrl"},
    needed=frozenset({"name", "upstream_url"}),
    blank=BLANK,
    texts=texts,
    body=body,
    same_as={"credential": "auth_type"},
    facts=facts,
    detail=detail,
    goes_along=goes_along,
)
