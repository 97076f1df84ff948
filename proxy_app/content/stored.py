"""What a resource or a prompt of our own consists of, as plain data: what is written, and what is read."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy_app.content.templating import Template

CONTENT_LIMIT_BYTES = 2 * 1024 * 1024
ARGUMENTS_LIMIT = 100
# RFC 2045: two words, and parameters behind them.
_WORD = r"[A-Za-z0-9!#$&^_.+\-]{1,127}"
MIME_TYPE = re.compile(rf"{_WORD}/{_WORD}(?:\s*;\s*{_WORD}=(?:{_WORD}|\"[^\"\\\x00-\x1f\x7f-\uffff]*\"))*")
PLAIN_TEXT, ANY_BYTES = "text/plain", "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Content:
    """What a resource says: text, or any bytes."""

    body: bytes
    is_text: bool

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    def wire(self) -> dict[str, str]:
        """The member of MCP's resource contents that has it."""
        if self.is_text:
            return {"text": self.body.decode()}
        return {"blob": base64.b64encode(self.body).decode()}


def bytes_of(blob: str) -> bytes | None:
    """What was sent in base64, line breaks between allowed; None for what is no base64."""
    try:
        return base64.b64decode("".join(blob.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def settled_arguments(template: Template, known: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The arguments of a template: those it uses, in its order, with what was said of them before."""
    before = {argument["name"]: dict(argument) for argument in known}
    return [
        before.get(name) or {"name": name, "description": None, "required": required}
        for name, required in template.arguments().items()
    ]


class WrongArguments(ValueError):
    """What was given to a prompt is not what it takes: the name it is about, and why; for a person."""

    def __init__(self, name: str, message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.name, self.is_missing = name, is_missing


def check_arguments(declared: Iterable[Mapping[str, Any]], given: Mapping[str, str]) -> None:
    """Raises WrongArguments for one that is missing or that the prompt does not take."""
    names = {argument["name"]: argument for argument in declared}
    for name, argument in names.items():
        if argument.get("required") and not given.get(name):
            raise WrongArguments(name, f"The argument {name} is required", is_missing=True)
    for name in given.keys() - names.keys():
        known = ", ".join(names) or "none"
        raise WrongArguments(name[:100], f"There is no argument {name[:100]}; there are {known}")
