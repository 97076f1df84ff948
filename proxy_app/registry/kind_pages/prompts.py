"""The pages of prompts."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from auth_app.actor import Actor
from gatewaysite.controls import FALSE, Field, Texts, control, part
from proxy_app.content import work
from proxy_app.content.stored import settled_arguments
from proxy_app.content.templating import BadTemplate, parse
from proxy_app.registry.access import may_do_item
from proxy_app.registry.dependents import servers_with
from proxy_app.registry.page import Filling, KindPage
from proxy_app.registry.pieces import Plain, fact, gateway_link

Item = Mapping[str, Any]

# What the names of controls begin with: an argument's description, whether it is needed, and its value in a trial.
DESCRIBED, NEEDED, GIVEN = "described-", "needed-", "given-"


def fields(filling: Filling) -> list[Field]:
    texts, item = filling.texts, filling.item
    own = [
        control("custom_name", "Name", texts, required=True),
        control("display_name", "Display name", texts),
        control("description", "Description", texts, "long"),
    ]
    if item is None:
        own[0] = control("name", "Name", texts, required=True, help="Clients call it by the slug made of it.")
    return own if item and item["gatewayId"] else [*own, *_template_fields(texts, item)]


def _template_fields(texts: Texts, item: Item | None) -> list[Field]:
    return [
        part("Template"),
        control("template", "Template", texts, "lines", required=True,
                help="Text with {{ arguments }}, {{ name | default(\"you\") }} and {% if name %}…{% endif %}."),
        control("", "Show its arguments", {}, "again", help="They are read from the template."),
        *_argument_fields(texts, item),
    ]  # fmt: skip


def _argument_fields(texts: Texts, item: Item | None) -> list[Field]:
    """A description of each argument that the template uses, and whether it is needed."""
    made = []
    for argument in _arguments(texts, json.loads(item["arguments"]) if item else []):
        name, needed = argument["name"], "on" if argument["required"] else FALSE
        made += [
            control(DESCRIBED + name, name, {DESCRIBED + name: argument["description"] or ""}, help="What it is."),
            control(NEEDED + name, f"{name} is required", {NEEDED + name: needed}, "check", when="inset"),
        ]
    return made


def _arguments(texts: Texts, known: list[Plain]) -> list[Plain]:
    """Those of the template in the form, as the form has them; what it had no control for, as it was known."""
    try:
        template = parse(texts.get("template", ""))
    except BadTemplate:
        return []
    posted = [
        {"name": name, "description": texts[DESCRIBED + name] or None, "required": bool(texts.get(NEEDED + name))}
        for name in template.arguments()
        if DESCRIBED + name in texts
    ]
    return settled_arguments(template, [*known, *posted])


def body(texts: Texts, post: QueryDict) -> Plain:
    said: Plain = {name: texts[name] for name in ("name", "custom_name") if name in texts}
    if "template" not in texts:
        return said
    template = str(post["template"]).replace("\r\n", "\n")
    arguments = _arguments({**texts, "template": template}, [])
    return said | {"template": template, "arguments": arguments}


def facts(item: Item) -> list[Plain]:
    return [
        fact("Gateway", gateway_link(item), "link"),
        fact("Upstream name", item["originalName"] if item["gatewayId"] else None, "code"),
        fact("Display name", item["displayName"]),
    ]


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    return rendering_context(actor, item, {})


def rendering_context(
    actor: Actor,
    item: Item,
    texts: Texts,
    errors: list[dict[str, str]] | None = None,
    result: Plain | None = None,
) -> Plain:
    """The form that renders the prompt, what came back, and the versions of its template. Runs a unit of its own."""
    arguments = json.loads(item["arguments"])
    return {
        "part": "prompts/detail.html",
        "arguments": arguments,
        "given": [_given(argument, texts) for argument in arguments],
        "errors": errors or [],
        "result": result,
        "callable": item["enabled"],
        "why_not_callable": "" if item["enabled"] else "This prompt is switched off.",
        "text": item["template"],
        "versions": work.list_versions(actor, item["id"]) if item["gatewayId"] is None else [],
        "may_restore": may_do_item(actor, "update", "prompts", item),
    }


def _given(argument: Plain, texts: Texts) -> Field:
    """Of a gateway's prompt an argument is as its upstream declared it."""
    name, help_text = argument["name"], argument.get("description") or ""
    return control(GIVEN + name, name, texts, "long", required=bool(argument.get("required")), help=help_text)


PAGE = KindPage(
    fields=fields,
    shown={"custom_name": "customName", "display_name": "displayName", "template": "template"},
    needed=frozenset(),
    body=body,
    facts=facts,
    detail=detail,
    goes_along=servers_with,
    depends=servers_with,
)
