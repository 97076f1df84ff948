"""Schemas of an OpenAPI document as JSON Schemas that stand by themselves.

References are followed inside the document only and written out; one that comes back to itself is cut there, because
few models read recursive schemas. How much is made of one operation is bounded.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]

VALUES_LIMIT = 4_000  # of one operation
DEPTH_LIMIT = 16
TEXT_LIMIT = 2_000
# What means something to documents and their pages only.
LEFT_OUT = frozenset(
    {"xml", "discriminator", "externalDocs", "example", "examples", "nullable", "deprecated", "$schema"}
)
TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
ONE, MANY, NAMED = (
    frozenset({"items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"}),
    frozenset({"allOf", "anyOf", "oneOf", "prefixItems"}),
    frozenset({"properties", "patternProperties", "dependentSchemas"}),
)


class NotThere(LookupError):
    """A reference that leads nowhere, or out of the document. The message says which."""


class Reader:
    """Reads one operation's parts; `problems` gathers what could not be taken as it is written."""

    def __init__(self, document: Json, most: int = VALUES_LIMIT) -> None:
        self._document = document
        self._most = self._left = min(most, VALUES_LIMIT)
        self.problems: list[str] = []

    @property
    def used(self) -> int:
        return self._most - self._left

    def resolved(self, value: Any) -> Json:
        """The object itself, where a reference stands for it: of parameters, bodies and answers. Raises NotThere."""
        for _ in range(DEPTH_LIMIT):
            if not isinstance(value, dict):
                return {}
            if not isinstance(ref := value.get("$ref"), str):
                return value
            value = self._at(ref)
        raise NotThere("References that lead in a circle")

    def schema(self, schema: Any, *, without: str = "") -> Json:
        """`without` is what does not belong here: `readOnly` in what is sent, `writeOnly` in what is answered."""
        found = self._schema(schema, (), without)
        return found if isinstance(found, dict) else {}

    def _schema(self, schema: Any, trail: tuple[str, ...], without: str) -> Any:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            return {}
        self._left -= 1
        if self._left < 0 or len(trail) > DEPTH_LIMIT * 4:
            self._note("The schema is very large; a part of it was left open")
            return {}
        if isinstance(ref := schema.get("$ref"), str):
            return self._followed(schema, ref, trail, without)
        made = {
            name: self._member(name, value, (*trail, ""), without)
            for name, value in schema.items()
            if _kept(name) and _is_sound(name, value)
        }
        return _merged(_as_2020(made, schema))

    def _followed(self, schema: Json, ref: str, trail: tuple[str, ...], without: str) -> Any:
        if ref in trail:
            self._note(f"{ref.rpartition('/')[2]} holds itself; it was cut where it comes again")
            return {"type": "object", "description": f"Again {ref.rpartition('/')[2]}"}
        try:
            target = self._at(ref)
        except NotThere as error:
            self._note(str(error))
            return {}
        beside = {name: value for name, value in schema.items() if name in {"description", "title", "default"}}
        found = self._schema(target, (*trail, ref), without)
        return {**found, **beside} if isinstance(found, dict) else found

    def _member(self, name: str, value: Any, trail: tuple[str, ...], without: str) -> Any:
        if name in ONE:
            return self._schema(value, trail, without)
        if name in MANY and isinstance(value, list):
            return [self._schema(one, trail, without) for one in value]
        if name in NAMED and isinstance(value, dict):
            kept = {key: one for key, one in value.items() if not (without and self._is(one, without))}
            return {key: self._schema(one, trail, without) for key, one in kept.items()}
        return value[:TEXT_LIMIT] if isinstance(value, str) else value

    def _is(self, schema: Any, flag: str) -> bool:
        try:
            return self.resolved(schema).get(flag) is True
        except NotThere:
            return False

    def _at(self, ref: str) -> Any:
        """What a JSON pointer into the document leads to."""
        if not ref.startswith("#/"):
            raise NotThere(f"{ref[:200]} is outside of the document, and is not fetched")
        found: Any = self._document
        for step in ref[2:].split("/"):
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
            if found is None:
                raise NotThere(f"{ref[:200]} is not in the document")
        return found

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _is_sound(name: str, value: Any) -> bool:
    """Whether a member that everybody reads is what it has to be; a document may say anything."""
    match name:
        case "type":
            return all(one in TYPES for one in (value if isinstance(value, list) else [value]))
        case "required":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case "properties" | "patternProperties":
            return isinstance(value, dict)
        case "enum" | "allOf" | "anyOf" | "oneOf":
            return isinstance(value, list) and bool(value)
    return True


def _kept(name: str) -> bool:
    return name not in LEFT_OUT and not name.startswith("x-")


def _as_2020(made: Json, schema: Json) -> Json:
    """What OpenAPI 3.0 says in its own way."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and bound in made:
            made[exclusive] = made.pop(bound)
    if made.get("format") in {"binary", "byte"} and made.get("type") == "string":
        made["contentEncoding"] = "base64"
        del made["format"]
    if "contentMediaType" in made and made.get("type") == "string":
        made.setdefault("contentEncoding", "base64")
    if schema.get("nullable") is True:
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        if isinstance(made.get("enum"), list) and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
    for flag in ("readOnly", "writeOnly"):
        made.pop(flag, None)
    return made


def _merged(schema: Json) -> Json:
    """All of several objects is one object with the members of each, where nothing contradicts that."""
    parts = schema.get("allOf")
    if not isinstance(parts, list) or not all(_is_plain_object(part) for part in parts):
        return schema
    rest = {name: value for name, value in schema.items() if name != "allOf"}
    merged: Json = {"type": "object"}
    for part in [*parts, rest]:
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = list(dict.fromkeys([*merged.get("required", []), *part.get("required", [])]))
        merged |= {**part, "type": "object"}
        merged |= ({"properties": properties} if properties else {}) | ({"required": required} if required else {})
    return merged


def _is_plain_object(part: Any) -> bool:
    if not isinstance(part, dict) or part.get("type", "object") != "object":
        return False
    lists = isinstance(part.get("required", []), list) and isinstance(part.get("properties", {}), dict)
    return lists and not {"anyOf", "oneOf", "not", "allOf", "additionalProperties"} & part.keys()
