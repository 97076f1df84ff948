"""Choosing what is in a server: what the page asks for, what its form says, and what it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from pydantic import BaseModel, ConfigDict, Field

from gatewaysite.errors import BadInput
from gatewaysite.validation import Body, Description, validated
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import PROMPTS, RESOURCES, TOOLS
from proxy_app.registry.places import Edit, Member, changed, moved
from proxy_app.registry.query import ListQuery, Text
from proxy_app.registry.validation import McpAlias
from proxy_app.servers.cost import Cost
from proxy_app.servers.work import SHOWN, Choice

Plain = dict[str, Any]
Item = Mapping[str, Any]

KINDS_CHOSEN: Mapping[str, Kind] = {kind.singular: kind for kind in (TOOLS, RESOURCES, PROMPTS)}
DESCRIPTION_SHOWN = 200
# Ticks that a new search must not lose.
TICKS_KEPT = 200


class Wanted(BaseModel):
    """What the page's address says: which kind, what narrows both lists, and where each begins."""

    model_config = ConfigDict(extra="ignore")

    of: Literal["tool", "resource", "prompt"] = "tool"
    search: Text = ""
    tag: Text = ""
    gateway: UUID | None = None
    page: Annotated[int, Field(ge=1, le=1000)] = 1
    at: Annotated[int, Field(ge=1, le=1000)] = 1

    @property
    def kind(self) -> Kind:
        return KINDS_CHOSEN[self.of]

    @property
    def narrowed(self) -> bool:
        return bool(self.search.strip() or self.tag.strip() or self.gateway)

    @property
    def query(self) -> ListQuery:
        tags = (self.tag.strip(),) if self.tag.strip() else ()
        filters = {"gateway_id": str(self.gateway)} if self.gateway else {}
        return ListQuery(search=self.search.strip(), tags=tags, filters=filters)

    def address(self, **changes: Any) -> str:
        """The page's query string with some of it changed; what says nothing is left out."""
        given = self.model_dump() | changes
        usual = Wanted().model_dump()
        return "?" + urlencode({name: value for name, value in given.items() if value and value != usual[name]})


class RowBody(Body):
    """What the form says of one member."""

    alias: McpAlias = ""
    description: Description = ""
    place: Annotated[int, Field(ge=1, le=100_000)] = 1


@dataclass(frozen=True)
class WrongRow:
    """Something of a member that cannot be."""

    key: str
    message: str


def wanted(get: QueryDict) -> Wanted:
    """Raises BadInput. A form sends its empty fields too; they mean nothing."""
    return validated(Wanted, {name: value for name, value in get.dict().items() if value}, where="query")


def rows_of(post: QueryDict, item: Item, of: str) -> tuple[list[Edit], list[WrongRow]]:
    """What the rows of the form change: differences at once, then places, the lowest first."""
    numbers = numbers_of(item, of)
    differences: dict[UUID, Plain] = {}
    moves, wrong = [], []
    for key in post.getlist("row"):
        if key not in numbers:
            continue  # it was taken out meanwhile
        try:
            row = validated(RowBody, _row_texts(post, key))
        except BadInput as error:
            wrong.append(WrongRow(key, _complaint(error)))
            continue
        differences[UUID(key)] = {
            "alias": row.alias, "description": row.description or None, "enabled": f"on:{key}" in post,
        }  # fmt: skip
        if str(row.place) != post.get(f"was:{key}", str(row.place)):
            moves.append((row.place, UUID(key)))
    edits = [changed(of, differences), *(moved(of, key, place) for place, key in sorted(moves))]
    return edits, wrong


def stepped(post: QueryDict, item: Item, of: str) -> Edit | None:
    """One row up or down by one, when that is the button that was pressed."""
    for button, step in (("up", -1), ("down", 1)):
        if key := post.get(button):
            number = numbers_of(item, of).get(key)
            return moved(of, UUID(key), number + step) if number else None
    return None


def all_of(edits: Sequence[Edit]) -> Edit:
    """One after the other."""

    def edit(members: Sequence[Member]) -> Sequence[Member]:
        for one in edits:
            members = one(members)
        return members

    return edit


def numbers_of(item: Item, of: str) -> dict[str, int]:
    """The place of each member of a kind, counted from one."""
    keys = [member["id"] for member in item["members"] if member["kind"] == of]
    return {key: number for number, key in enumerate(keys, 1)}


def choice_context(
    item: Item,
    now: Wanted,
    choice: Choice,
    cost: Cost,
    post: QueryDict,
    wrong: Sequence[WrongRow],
    ticked: Sequence[str],
) -> Plain:
    numbers = numbers_of(item, now.of)
    members = {member["id"]: member for member in item["members"] if member["kind"] == now.of}
    wrongs = {one.key: one.message for one in wrong}
    rows = [
        _row(now.kind, told, members[told["key"]], numbers[told["key"]], cost, post, wrongs)
        for told in choice.shown
        if told["key"] in members
    ]
    rows.sort(key=lambda row: row["number"])
    return {
        "of": now.of,
        "kinds": [_kind_link(one, item, now) for one in KINDS_CHOSEN.values()],
        "filters": {
            "search": now.search,
            "tag": now.tag,
            "gateway": now.gateway.hex if now.gateway else "",
            "active": now.narrowed,
            "clear": now.address(search="", tag="", gateway=None, page=1, at=1),
            "gateways": [{"value": key, "label": name} for key, name in choice.gateways],
        },
        "plural": now.kind.slug,
        "rows": rows,
        "count": len(members),
        "matching": len(choice.chosen),
        "last": len(members),
        "found": [_found(now.kind, told, ticked) for told in choice.found],
        "total": choice.total,
        "chosen_pages": _pages(now, "at", now.at, len(choice.chosen)),
        "found_pages": _pages(now, "page", now.page, choice.total),
        "here": now.address(),
    }


def _kind_link(kind: Kind, item: Item, now: Wanted) -> Plain:
    count = sum(member["kind"] == kind.singular for member in item["members"])
    url = Wanted(of=kind.singular).address()  # type: ignore[arg-type]  # one of the three
    return {"label": kind.slug.capitalize(), "count": count, "url": url, "on": kind.singular == now.of}


def _row(
    kind: Kind, told: Plain, member: Item, number: int, cost: Cost, post: QueryDict, wrongs: Mapping[str, str]
) -> Plain:
    """A member; what was sent of it and not taken stands in its fields again."""
    key = told["key"]
    texts = _row_texts(post, key) if wrongs and f"alias:{key}" in post else {}
    tokens = cost.by_tool.get(key, 0) if kind is TOOLS else 0
    return _found(kind, told, ()) | {
        "number": number,
        "place": texts.get("place", str(number)),
        "alias": texts.get("alias", member["alias"] or ""),
        "own": texts.get("description", member["description"] or ""),
        "enabled": f"on:{key}" in post if texts else member["enabled"],
        "tokens": tokens,
        "state": _state(told),
        "wrong": wrongs.get(key, ""),
    }


def _found(kind: Kind, told: Plain, ticked: Sequence[str]) -> Plain:
    description = told["description"] or ""
    return {
        "key": told["key"],
        "name": told["name"],
        "url": reverse(f"page-{kind.slug}-item", args=[told["key"]]),
        "gateway": told["gateway_name"] or "",
        "description": description[:DESCRIPTION_SHOWN] + ("…" if len(description) > DESCRIPTION_SHOWN else ""),
        "tags": told["tags"],
        "ticked": told["key"] in ticked,
    }


def _state(told: Plain) -> str:
    """Why clients do not see it, whatever its switch here says."""
    if not told["enabled"]:
        return "Switched off everywhere"
    return "Its gateway is switched off" if told["gateway_on"] is False else ""


def _pages(now: Wanted, name: str, page: int, total: int) -> Plain:
    return {
        "many": total > SHOWN,
        "first": (page - 1) * SHOWN + 1,
        "last": min(page * SHOWN, total),
        "total": total,
        "previous": now.address(**{name: page - 1}) if page > 1 else "",
        "next": now.address(**{name: page + 1}) if page * SHOWN < total else "",
    }


def _row_texts(post: QueryDict, key: str) -> dict[str, str]:
    texts = {name: post.get(f"{name}:{key}") for name in RowBody.model_fields}
    return {name: text.replace("\r\n", "\n").strip() for name, text in texts.items() if text is not None}


def _complaint(error: BadInput) -> str:
    (field, *_others) = error.fields
    name = str(field.loc[-1])
    if name == "place":
        return "A place is a number from 1 on."
    if name == "alias":
        return "A name has letters, digits, underscores, dots and hyphens only, at most 128."
    return f"{name.capitalize()}: {field.msg}."
