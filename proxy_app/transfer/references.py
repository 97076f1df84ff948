"""Secrets in a document: a reference to the environment of the server stands in their place, `${ENV:NAME}`.

Where a secret may stand is where a body's field is not to be printed (`repr=False`); nowhere else is a reference
followed, since what it leads to would be shown.
"""

import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from auth_app.transfer.section import Found, Plain, Section
from gatewaysite.validation import MASK, bad_field

PREFIX = "POOLGATE_SECRET_"
REFERENCE = re.compile(r"\$\{ENV:([A-Za-z0-9_]{1,200})\}")
SET, KEPT, MISSING, WRITTEN = "set", "kept", "missing", "written"
# Half of a credential is none: what goes with a secret that is missing.
CREDENTIAL = frozenset({"authType", "oauthConfig"})
PAIRS = {"clientKey": "clientCert"}

type Path = tuple[str, ...]
type Hidden = dict[str, Any]  # member -> True, or the hidden members inside it


@dataclass(frozen=True)
class Settled:
    """An item whose references were followed. `told`: what became of each secret, by its member."""

    item: Plain
    told: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # of the references that lead nowhere, by member

    @property
    def is_missing_some(self) -> bool:
        return MISSING in self.told.values()


def settle(section: Section, item: Plain, found: Found | None, secrets: Mapping[str, str]) -> Settled:
    """Follow every reference that the environment knows. What it does not stays as it is stored, where it is."""
    hidden = hidden_members(section.update, section.create)
    settled = Settled(_copied(item))
    for path, value in list(_texts(settled.item)):
        if not _is_hidden(hidden, path):
            _refuse_reference(path, value)
        else:
            is_stored = found is not None and _at(found.item, path) == MASK
            _settle_one(settled, path, value, is_stored, secrets)
    for where in [where for where, how in settled.told.items() if how == MISSING]:
        _drop_with(settled.item, where.partition(".")[0])
    return settled


def _settle_one(settled: Settled, path: Path, value: str, is_stored: bool, secrets: Mapping[str, str]) -> None:
    name = _name_of(path, value)
    where = ".".join(path)
    if name is None:
        settled.told[where] = WRITTEN
    elif name in secrets:
        _put(settled.item, path, secrets[name])
        settled.told[where] = SET
    else:
        _put(settled.item, path, None)
        settled.told[where] = KEPT if is_stored else MISSING
        settled.names[where] = name


def with_references(section: Section, found: Found) -> Plain:
    """The item as it is exported: what answers would mask is a reference to a name made of where it stands."""
    item: Plain = _copied(found.item)
    for path, value in list(_texts(item)):
        if value == MASK:
            whose = [part for part in found.key[2:3] if found.key[1:2] != ("public",)]
            name = "_".join((section.name, *whose, found.name, *path))
            _put(item, path, f"${{ENV:{PREFIX}{_constant(name)}}}")
    return item


def without_secrets(item: Plain) -> Plain:
    """For comparing: what is masked is neither equal nor different."""
    item = dict(_copied(item))
    for path, value in list(_texts(item)):
        if value == MASK:
            _put(item, path, None)
    return item


@cache
def hidden_members(*bodies: type[BaseModel] | None) -> Hidden:
    """Where secrets stand in what these bodies say."""
    return {name: inside for body in bodies if body for name, inside in _hidden_of(body).items()}


def _hidden_of(model: type[BaseModel]) -> Hidden:
    found: Hidden = {}
    for name, one in model.model_fields.items():
        if not one.repr:
            found[to_camel(name)] = True
        else:
            inside: Hidden = {}
            for nested in _models_in(one.annotation):
                inside |= _hidden_of(nested)
            if inside:
                found[to_camel(name)] = inside
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in an item, with the way to it; a number stands for a place in a list."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(one, (*path, str(name)))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _texts(one, (*path, str(number)))


def _is_hidden(hidden: Any, path: Path) -> bool:
    for part in path:
        if hidden is True:
            return True
        if not part.isdigit():
            hidden = hidden.get(part) if isinstance(hidden, dict) else None
    return hidden is True


def _name_of(path: Path, value: str) -> str | None:
    """The name that a reference has; empty where a mask stands for a secret that nobody knows; None for a value."""
    if value == MASK:
        return ""
    reference = REFERENCE.fullmatch(value)
    if reference is None:
        return None
    if not reference[1].startswith(PREFIX):
        raise bad_field(".".join(path), f"The name of a secret begins with {PREFIX}", "reference")
    return reference[1]


def _refuse_reference(path: Path, value: str) -> None:
    if REFERENCE.fullmatch(value):
        raise bad_field(".".join(path), "What stands here is shown to others, so that no secret may", "reference")


def _drop_with(item: Plain, member: str) -> None:
    if member.startswith("auth") or member in CREDENTIAL:
        for name in [name for name in item if name in CREDENTIAL or name.startswith("auth")]:
            del item[name]
    item.pop(PAIRS.get(member, ""), None)


def _at(item: Any, path: Path) -> Any:
    for part in path:
        if isinstance(item, dict):
            item = item.get(part)
        elif isinstance(item, list) and part.isdigit() and int(part) < len(item):
            item = item[int(part)]
        else:
            return None
    return item


def _put(item: Any, path: Path, value: str | None) -> None:
    """None takes it out."""
    for part in path[:-1]:
        item = item[int(part)] if isinstance(item, list) else item[part]
    if isinstance(item, list):
        item[int(path[-1])] = value
    elif value is None:
        item.pop(path[-1], None)
    else:
        item[path[-1]] = value


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _constant(text: str) -> str:
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    return re.sub(r"[^A-Z0-9]+", "_", apart.upper()).strip("_")
