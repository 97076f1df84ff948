"""What the pages show and ask of one kind: the part of them that is not written once for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from auth_app.actor import Actor
from gatewaysite.controls import Field, Item, Texts

Plain = dict[str, Any]
Files = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Filling:
    """A form on its way: what its controls hold, the item that is edited (None when one is added), and for whom.

    `post` is what was sent, for controls that hold more than a text; empty when the form is shown first.
    """

    texts: Texts
    item: Item | None
    actor: Actor
    post: QueryDict


def on_or_off(item: Item) -> Plain:
    if item["enabled"] and item.get("held"):
        return state("Held", "warn", "Its server changed it or took it back, and nobody has decided yet")
    return state("On", "ok") if item["enabled"] else state("Off", "off")


def state(word: str, tone: str, title: str = "", *, poll: str = "") -> Plain:
    """A state in a word, with a tone that only colours the dot beside it; `poll` answers with how it is by then."""
    return {"word": word, "tone": tone, "title": title[:300], "poll": poll}


def _nothing(*_args: Any) -> Plain:
    return {}


def _none(*_args: Any) -> list[Any]:
    return []


@dataclass(frozen=True, kw_only=True)
class KindPage:
    """A kind's pages. All of it is functions of plain items; `detail` and `goes_along` may run units of their own.

    A kind for which nothing is said has `plain_form.plain_page`, made of its models.
    """

    fields: Callable[[Filling], list[Field]]  # its form's own controls; whom it is visible to comes behind
    shown: Mapping[str, str] = field(default_factory=dict)  # text controls, and the members of the item they show
    needed: frozenset[str] = frozenset({"name"})  # of those, the ones that are sent empty too, to be complained about
    blank: Texts = field(default_factory=dict)  # what an empty form holds
    texts: Callable[[Item], Texts] = _nothing  # what the form of an item holds beside `shown`; never a secret
    body: Callable[[Texts, QueryDict], Plain] = _nothing  # what the form says beside `shown`, as a JSON body would
    uploads: Callable[[Files], Plain] | None = None  # what its files say, where its form has any
    same_as: Mapping[str, str] = field(default_factory=dict)  # fields of the body, and the controls that stand for them
    wide: bool = False
    also: Sequence[tuple[str, str]] = ()  # other ways to add some: what the button says, and the name of its page
    ahead: str = ""  # a template above the form that adds one
    # Tries what the form says, given who asks, its checked values and the item: what `tested` of the template shows.
    test: Callable[[Actor, Plain, Item | None], Plain] | None = None

    state: Callable[[Item], Plain] = on_or_off
    facts: Callable[[Item], list[Plain]] = _none
    # The context of the detail page's own box: `part` names its template, `actions` that of buttons in the head. Given
    # are who looks, the item, and the page's query.
    detail: Callable[[Actor, Item, QueryDict], Plain] = _nothing
    row_link: Callable[[Item], Plain] = _nothing  # what a row offers beside its menu: label, and what its path ends in
    # What goes when the item goes, in sentences, of what the actor sees.
    goes_along: Callable[[Actor, Item], list[str]] = _none
    # Who does without it while it is switched off, the same way.
    depends: Callable[[Actor, Item], list[str]] = _none
