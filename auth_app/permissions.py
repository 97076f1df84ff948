"""Every permission there is, `<kind>.<verb>`, and the roles that come with the gateway.

The kinds tell their own: see proxy_app.apps. A role names permissions singly or by pattern: `tools.*`, `*.read`, `*`;
and of all that is registered, `registered.*`, `registered.read`, or `registered.use` for what the kinds have besides
(but for `registered.approve`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

VERBS = ("read", "create", "update", "delete")
# To decide is no use of a thing: whoever uses or changes what others own does not also approve what becomes of it.
DECIDES = frozenset({"approve"})


class Catalogue:
    """What may be permitted. Filled while the process starts, and read from then on."""

    def __init__(self) -> None:
        self._verbs: dict[str, tuple[str, ...]] = {}
        self._registered: set[str] = set()

    def add(self, kind: str, *verbs: str) -> None:
        self._verbs[kind] = verbs
        expand.cache_clear()

    def add_registered(self, kind: str, *uses: str) -> None:
        """A kind of the registry: it has VERBS, and `uses`."""
        self._registered.add(kind)
        self.add(kind, *VERBS, *uses)

    def patterns_for(self, permission: str) -> frozenset[str]:
        """All that a role may say to give this permission."""
        kind, _, verb = permission.partition(".")
        patterns = {permission, f"{kind}.*", f"*.{verb}", "*"}
        if kind in self._registered:
            patterns |= {"registered.*", f"registered.{verb if verb in VERBS or verb in DECIDES else 'use'}"}
        return frozenset(patterns)

    def __contains__(self, permission: str) -> bool:
        kind, _, verb = permission.partition(".")
        return verb in self._verbs.get(kind, ())

    def by_kind(self) -> dict[str, list[str]]:
        return {kind: [f"{kind}.{verb}" for verb in verbs] for kind, verbs in sorted(self._verbs.items())}

    def all(self) -> frozenset[str]:
        return frozenset(f"{kind}.{verb}" for kind, verbs in self._verbs.items() for verb in verbs)


catalogue = Catalogue()


def kind_words(kind: str) -> str:
    """A kind as pages call it."""
    return {"sso": "Single sign-on", "oauth_clients": "OAuth clients"}.get(kind, kind.replace("_", " ").capitalize())


@cache
def expand(patterns: frozenset[str]) -> frozenset[str]:
    """The permissions that patterns name. What names none is passed over: the kind may have gone."""
    return frozenset(
        permission for permission in catalogue.all() if not patterns.isdisjoint(catalogue.patterns_for(permission))
    )


def is_pattern(text: str) -> bool:
    """Whether it names at least one permission."""
    return bool(expand(frozenset((text,))))


@dataclass(frozen=True, slots=True)
class SystemRole:
    """A role that nobody can change. `scope`: where it may be given: global, team, or personal."""

    name: str
    scope: str
    description: str
    permissions: frozenset[str]


def _role(name: str, scope: str, description: str, permissions: Iterable[str]) -> tuple[str, SystemRole]:
    return name, SystemRole(name, scope, description, frozenset(permissions))


SYSTEM_ROLES: Mapping[str, SystemRole] = dict(
    (
        _role("platform_admin", "global", "Everything, everywhere but in other people's private items.", ("*",)),
        _role("platform_viewer", "global", "Sees everything but other people's private items.", ("*.read",)),
        _role(
            "team_admin", "team", "Everything in a team, its people and their roles there included.",
            ("registered.*", "teams.*", "tokens.*", "roles.read", "roles.grant", "audit.read", "config.*"),
        ),
        _role(
            "developer", "team", "Makes, changes and uses what a team has.",
            (*(f"registered.{verb}" for verb in (*VERBS, "use")), "teams.read"),
        ),
        _role("viewer", "team", "Sees what a team has.", ("registered.read", "servers.use", "teams.read")),
        _role(
            "personal", "personal", "What everybody may do with items of their own.",
            ("registered.*", "tokens.*", "teams.read", "teams.create", "teams.join", "audit.read"),
        ),
        _role("everyone", "public", "What everybody may do with public items.", ("registered.read", "registered.use")),
    )
)  # fmt: skip
# What a member of a team may do there, by the role of the membership.
OF_MEMBERSHIP = {"owner": "team_admin", "member": "developer", "viewer": "viewer"}
