"""The JSON Schema of a document, made of the bodies that check it: editors complete names, and find faults, with it."""

from functools import cache
from typing import Any

from django.conf import settings
from pydantic.alias_generators import to_camel

from auth_app.transfer.section import Section
from proxy_app.transfer.document import FORMAT
from proxy_app.transfer.references import PREFIX, hidden_members
from proxy_app.transfer.sections import SECTIONS

PATH = "/schema/config.json"
REF = "#/$defs/{model}"
SECRET = rf"^\$\{{ENV:{PREFIX}[A-Za-z0-9_]+\}}$"

type Json = dict[str, Any]


def schema_url() -> str:
    return f"{settings.PUBLIC_URL}{PATH}"


@cache
def build() -> Json:
    definitions: Json = {}
    parts = {section.name: _part(section, definitions) for section in SECTIONS}
    about: Json = {"type": "string", "description": "Told by an export, and not read."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_url(),
        "title": "Poolgate configuration",
        "description": "What an installation has. A part that is left out is left alone, and so is a member.",
        "type": "object",
        "required": ["format"],
        "additionalProperties": False,
        "properties": {
            "$schema": about,
            "format": {"const": FORMAT},
            "exportedAt": about,
            "exportedBy": about,
            "source": about,
            **parts,
        },
        "$defs": definitions,
    }


def _part(section: Section, definitions: Json) -> Json:
    properties: Json = {}
    bodies = [body for body in (section.update, section.create) if body]
    for body in bodies:
        schema = body.model_json_schema(by_alias=True, ref_template=REF)
        definitions |= {name: _plain(one) for name, one in schema.pop("$defs", {}).items()}
        left_out = {to_camel(name) for name in section.left_out}
        properties |= {name: _plain(one) for name, one in schema["properties"].items() if name not in left_out}
    for name, inside in hidden_members(*bodies).items():
        if inside is True and name in properties:
            properties[name] = _secret(properties[name])
    item = {
        "type": "object",
        "required": list(section.required),
        "additionalProperties": False,
        "properties": {**properties, **section.structure},
    }
    definitions[section.singular] = item
    return {"type": "array", "items": {"$ref": REF.format(model=section.singular)}}


def _secret(schema: Json) -> Json:
    """Anything goes where a secret stands, but a reference is meant."""
    words = "A secret: a reference to the environment of the server, such as ${ENV:POOLGATE_SECRET_NAME}."
    said = schema.get("description", "")
    return {
        "description": f"{said} {words}".strip(),
        "anyOf": [{"type": "string", "pattern": SECRET}, {"type": ["string", "null"]}],
    }


def _plain(schema: Json) -> Json:
    """Without pydantic's titles and defaults: what is left out stays as it is."""
    return {name: value for name, value in schema.items() if name not in {"title", "default"}}
