"""Where the arguments of an operation go: its parameters and its body, under names that do not clash."""

import re
from typing import Any

from proxy_app.proxy_rules import HEADER_PATTERN, never_to_upstream
from proxy_app.rest.openapi.schemas import Json, NotThere, Reader
from proxy_app.rest.template import PLACEHOLDER

NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
ARGUMENTS_LIMIT = 200
# What the gateway, or the credential, says itself.
LEFT_TO_US = {"accept", "content-type", "authorization", "user-agent"}
TYPES = (("json", "json"), ("multipart/form-data", "multipart"), ("application/x-www-form-urlencoded", "form"))


class Placing:
    """Gathers one operation's arguments. `why_not` says why it cannot be imported, if it cannot."""

    def __init__(self, reader: Reader, path: str) -> None:
        self.why_not = ""
        self.problems: list[str] = []
        self._reader = reader
        self._in_path = PLACEHOLDER.findall(path)
        self._properties: Json = {name: {"type": "string"} for name in self._in_path}
        self._required = list(self._in_path)
        self._query: dict[str, str] = {}
        self._headers: dict[str, str] = {}
        self._encoding = "json"
        self._body_argument = ""

    def parameters(self, parameters: list[Any]) -> None:
        """A later one with the same name and place stands for an earlier: operations override their path's."""
        found = [self._reader.resolved(one) for one in parameters]
        for one in {(str(one.get("in")), str(one.get("name"))): one for one in found}.values():
            place, name = one.get("in"), one.get("name")
            if not isinstance(name, str) or not name:
                continue
            match place:
                case "path" if name in self._in_path:
                    self._properties[name] = self._described(one)
                case "query":
                    self._add(one, self._query, name)
                case "header" if name.lower() not in LEFT_TO_US:
                    self._header(one, name)
                case "cookie":
                    self._left_out(one, f"The cookie {name[:100]} is not sent")

    def body(self, body: Any) -> None:
        """An object's members become arguments of their own; anything else is one argument, `body`."""
        found = self._reader.resolved(body)
        content = found.get("content")
        if not isinstance(content, dict) or not content:
            return
        kind, self._encoding = next(
            ((kind, encoding) for word, encoding in TYPES for kind in content if word in kind.lower()), ("", "json")
        )
        if not kind:
            self._refuse(f"Its body is {', '.join(map(str, content))[:200]}: neither JSON nor a form")
            return
        schema = self._reader.schema(self._reader.resolved(content[kind]).get("schema"), without="readOnly")
        needed = schema.get("required")
        if self._flattens(schema):
            self._properties |= schema["properties"]
            if isinstance(needed, list) and found.get("required") is True:
                self._required += needed
            return
        self._body_argument = self._free("body")
        text = found.get("description")
        self._properties[self._body_argument] = ({"description": text} if isinstance(text, str) else {}) | schema
        if found.get("required") is True:
            self._required.append(self._body_argument)

    def schema(self) -> Json:
        required = [name for name in self._properties if name in self._required]
        return {"type": "object", "properties": self._properties} | ({"required": required} if required else {})

    def places(self) -> Json:
        """The tool's fields that say it."""
        said: Json = {"body_encoding": self._encoding} if self._encoding != "json" else {}
        said |= {"query_mapping": self._query} if self._query else {}
        said |= {"header_mapping": self._headers} if self._headers else {}
        return said | ({"body_argument": self._body_argument} if self._body_argument else {})

    def _flattens(self, schema: Json) -> bool:
        """Whether its members can be arguments: there are some, they clash with none, and there are no others."""
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties or len(properties) > ARGUMENTS_LIMIT:
            return False
        others = {"anyOf", "oneOf", "allOf"} & schema.keys() or isinstance(schema.get("additionalProperties"), dict)
        clean = all(NOT_IN_A_NAME.search(name) is None for name in properties)
        return clean and not others and not properties.keys() & self._properties.keys()

    def _header(self, parameter: Json, name: str) -> None:
        if not HEADER_PATTERN.fullmatch(name.lower()) or name.endswith("*") or never_to_upstream(name.lower().encode()):
            self._left_out(parameter, f"The header {name[:100]} is never sent for a caller")
        else:
            self._add(parameter, self._headers, name)

    def _add(self, parameter: Json, mapping: dict[str, str], name: str) -> None:
        if len(self._properties) >= ARGUMENTS_LIMIT:
            self._left_out(parameter, f"More than {ARGUMENTS_LIMIT} arguments; {name[:100]} was left out")
            return
        argument = self._free(NOT_IN_A_NAME.sub("_", name).strip("_")[:64] or "value")
        self._properties[argument] = self._described(parameter)
        mapping[argument] = name
        if parameter.get("required") is True:
            self._required.append(argument)
        if parameter.get("style") in {"deepObject", "spaceDelimited", "pipeDelimited"}:
            self.problems.append(f"{name[:100]} has the style {parameter['style']}; it is sent as JSON or repeated")

    def _described(self, parameter: Json) -> Json:
        content = parameter.get("content")
        schema = parameter.get("schema")
        if isinstance(content, dict) and content:
            try:
                schema = self._reader.resolved(next(iter(content.values()))).get("schema")
            except NotThere:
                schema = {}
        text = parameter.get("description")
        return ({"description": text[:2000]} if isinstance(text, str) and text else {}) | self._reader.schema(schema)

    def _left_out(self, parameter: Json, problem: str) -> None:
        if parameter.get("required") is True:
            self._refuse(f"{problem}, and it is required")
        else:
            self.problems.append(problem)

    def _refuse(self, why: str) -> None:
        self.why_not = self.why_not or why

    def _free(self, wanted: str) -> str:
        number, name = 2, wanted
        while name in self._properties:
            name, number = f"{wanted}_{number}", number + 1
        return name
