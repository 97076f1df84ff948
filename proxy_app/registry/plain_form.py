"""The pages of a kind for which nothing else is said: made of its models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

from django.http import QueryDict
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from gatewaysite.controls import FALSE, Field, Texts, choices, control
from proxy_app.registry.kind import Kind
from proxy_app.registry.page import Filling, KindPage
from proxy_app.registry.pieces import Plain, fact
from proxy_app.registry.validation import Scoped

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Sort:
    """How values of one type are entered, shown, and read again."""

    control: str
    text: Callable[[Any], str]
    read: Callable[[str], Any]
    fact: Callable[[Any], Any]


def _words(text: str) -> list[str]:
    return [word for part in text.replace("\n", ",").split(",") if (word := part.strip())]


TEXT = Sort("text", str, str, str)
NUMBER = Sort("number", str, lambda text: text or None, lambda value: f"{value:,}")
CHECK = Sort("check", lambda value: "on" if value else FALSE, bool, lambda value: "yes" if value else "no")
WORDS = Sort("long", ", ".join, _words, list)
SORTS: Mapping[type, Sort] = {str: TEXT, int: NUMBER, float: NUMBER, bool: CHECK, list: WORDS}


@dataclass(frozen=True)
class _Control:
    """A field of the kind's bodies as a control: `member` is where its value stands in an item."""

    name: str
    member: str
    label: str
    sort: Sort
    help: str
    needed: bool
    choices: tuple[str, ...]


def plain_page(kind: Kind) -> KindPage:
    """A page made of the kind's `update` model: what that cannot say of an item is not on its form."""
    controls = [made for name, info in kind.update.model_fields.items() if (made := _control(kind, name, info))]

    def fields(filling: Filling) -> list[Field]:
        own = [_field(one, filling.texts) for one in controls]
        return [*own, control("description", "Description", filling.texts, "long")]

    def texts(item: Item) -> Texts:
        return {one.name: one.sort.text(item[one.member]) for one in controls if item[one.member] is not None}

    def body(texts: Texts, post: QueryDict) -> Plain:
        return {one.name: one.sort.read(texts.get(one.name, "")) for one in controls}

    def facts(item: Item) -> list[Plain]:
        told = [one for one in controls if one.name != "name" and item[one.member] is not None]
        return [fact(one.label, one.sort.fact(item[one.member]), _cell(one)) for one in told]

    return KindPage(fields=fields, texts=texts, body=body, facts=facts)


def _control(kind: Kind, name: str, info: FieldInfo) -> _Control | None:
    """None for what every kind has, for what an item does not show, and for values no control can hold."""
    member = to_camel(name)
    type_ = _type_of(info.annotation)
    choosable = tuple(map(str, get_args(type_))) if get_origin(type_) is Literal else ()
    sort = TEXT if choosable else SORTS.get(get_origin(type_) or type_)
    if name in Scoped.model_fields or member not in kind.data.__annotations__ or sort is None:
        return None
    needed = name in kind.create.model_fields and kind.create.model_fields[name].is_required()
    label = name.replace("_", " ").capitalize()
    return _Control(name, member, label, sort, info.description or "", needed, choosable)


def _type_of(annotation: Any) -> Any:
    """The type behind annotations, names, and None that may stand in its place."""
    while True:
        origin = get_origin(annotation)
        if isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        elif origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, UnionType):
            annotation = next(one for one in get_args(annotation) if one is not NoneType)
        else:
            return annotation


def _field(one: _Control, texts: Texts) -> Field:
    kind = "select" if one.choices else "url" if one.name.endswith("url") else one.sort.control
    pairs = choices([(word, word.replace("_", " ").capitalize()) for word in one.choices])
    return control(one.name, one.label, texts, kind, required=one.needed, help=one.help, choices=pairs)


def _cell(one: _Control) -> str:
    return "tags" if one.sort is WORDS else "code" if one.name.endswith("url") else "text"
