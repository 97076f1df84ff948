"""What a line of the access table is, who asks, and what each may do with an item that team Blue has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The read-only token is of a member of Blue. "red token" is one of somebody in another team only. The program has
# logged in by JSON as the administrator, who otherwise comes with a browser, as the other people do.
API_TOKENS = {"read-only token", "blue token", "red token"}
BROWSERS = {"viewer", "member", "owner", "administrator"}
CALLERS = ("anonymous", *sorted(API_TOKENS), *sorted(BROWSERS), "program")
SIGNED_IN = set(CALLERS) - {"anonymous"}
PEOPLE = SIGNED_IN - API_TOKENS
OPERATE = {"administrator", "program"}
SEE = SIGNED_IN - {"red token"}
CHANGE = {"blue token", "member", "owner"} | OPERATE
OWN_TEAM = {"owner"} | OPERATE
# A token that is for one team is not about its owner, so it reads nothing of what they have and did themself.
READ_OWN = SIGNED_IN - {"blue token"}
# Nor does it make anything that is theirs; and a token that only looks makes nothing.
MAKE_OWN = READ_OWN - {"read-only token"}


@dataclass(frozen=True)
class Line:
    """Who may; what others get who see it, and who do not.

    `key`: which of the world's ids stands in the path. `body` is what makes the request a good one; in it and in
    `query`, `{name}` is one of the world's ids as well. `everybody`: what everybody gets, signed in or not. `but`: what
    single callers get instead.
    """

    may: set[str]
    see: set[str] = field(default_factory=lambda: set(SIGNED_IN))
    key: str = ""
    body: Any = None
    query: str = ""
    everybody: str = ""
    but: Mapping[str, str] = field(default_factory=dict)

    def expected(self, caller: str, *, page: bool) -> str:
        if said := self.everybody or self.but.get(caller, ""):
            return said
        if caller in self.may:
            return "allowed"
        if caller == "anonymous":
            return "303" if page else "401"
        return "403" if caller in self.see else "404"

    def hides_from(self, caller: str) -> bool:
        """Whether to this caller it must look as if it were nowhere."""
        return bool(self.key) and caller not in self.but and self.expected(caller, page=True) == "404"


type Table = dict[tuple[str, str], Line]


def public(everybody: str = "allowed", **more: Any) -> Line:
    return Line(set(CALLERS), everybody=everybody, **more)


def signed_in(**more: Any) -> Line:
    return Line(SIGNED_IN, **more)


def of_blue(may: set[str], key: str, **more: Any) -> Line:
    """About one item that team Blue has: absent for who does not see it."""
    return Line(may, SEE, key, **more)


def for_some(may: set[str], **more: Any) -> Line:
    """About what is no item, or about everybody's: refused to all others."""
    return Line(may, **more)


def in_a_browser(*, absent: bool = False) -> Line:
    """A page of django-allauth's, which knows cookies only: whoever brings a token is asked to log in.

    `absent`: nobody has what it is about.
    """
    tokens = dict.fromkeys(API_TOKENS | {"program"}, "303")
    return Line(BROWSERS, but=tokens | dict.fromkeys(BROWSERS if absent else (), "404"))
