"""What would have to be written for things to be as a document says: the steps of an import. Nothing is held here."""

from collections.abc import Mapping, Sequence
from typing import Any

from auth_app.actor import Actor
from auth_app.transfer.section import Found, Key, Plain, Section, Wanted, scope_words
from gatewaysite.errors import Conflict, GatewayError
from proxy_app.transfer.kinds import offered_as
from proxy_app.transfer.references import SET, WRITTEN, settle, without_secrets
from proxy_app.transfer.shapes import CREATE, DELETE, SKIP, UNCHANGED, UPDATE, Asked, Step, problem_of

type Seen = Mapping[str, Sequence[Found]]
NEVER_CHANGES = frozenset({"id", "owner", "gateway", "agent"})


class Exists(Conflict):
    """There is one already, and it is not as the document says"""

    code = "exists"


class Twice(Conflict):
    """The document says this of two items"""

    code = "twice"


def steps_of(
    actor: Actor, asked: Asked, seen: Seen, secrets: Mapping[str, str], sections: Sequence[Section]
) -> list[Step]:
    """In the order in which they are taken: what is referred to comes first, and what is deleted goes last."""
    steps, deletions = list[Step](), list[Step]()
    for section in sections:
        if section.name not in asked.items:
            continue
        there = _Index(seen[section.name])
        for path, item in asked.items[section.name]:
            steps.append(_step(actor, asked, section, path, item, there, secrets))
        if asked.prune:
            deletions[:0] = [
                Step(
                    section=section, path="", action=DELETE, name=found.name, whose=scope_words(found.key), found=found
                )
                for found in there.untouched()
            ]
    return [*steps, *deletions]


class _Index:
    """What is there of one part, by everything a document may mean it by."""

    def __init__(self, found: Sequence[Found]) -> None:
        self._all = found
        self._by_key = {one.key: one for one in found}
        self._by_id = {one.id: one for one in found}
        self._by_offer = {one.offered_as: one for one in found if one.offered_as}
        self.taken: dict[Key | str, str] = {}

    def find(self, key: Key, item: Plain, offer: Key | None) -> Found | None:
        row_id = str(item.get("id") or "").replace("-", "").lower()
        return self._by_id.get(row_id) or (offer and self._by_offer.get(offer)) or self._by_key.get(key)

    def take(self, key: Key, found: Found | None, path: str) -> None:
        """Raises Twice for what another item of the document means as well."""
        means: list[Key | str] = [key, *([found.id] if found else [])]
        for one in means:
            other = self.taken.setdefault(one, path)
            if other != path:
                raise Twice(f"This and {other} are the same, {key[0]}: names are compared as slugs")

    def untouched(self) -> list[Found]:
        """What the document does not name. What gateways offer comes back, so that it stays."""
        return [
            one for one in self._all if one.id not in self.taken and one.key not in self.taken and not one.offered_as
        ]


def _step(
    actor: Actor, asked: Asked, section: Section, path: str, item: Plain, there: _Index, secrets: Mapping[str, str]
) -> Step:
    step = Step(section=section, path=path, action=CREATE, name=str(item.get("name") or item[section.required[0]]))
    try:
        key = section.key_of(item, actor)
        found = there.find(key, item, offered_as(section, item))
        there.take(key, found, path)
        _fill(step, item, found, secrets)
        if step.action != UNCHANGED and found and asked.strategy != "update":
            _instead(step, actor, asked, item, there, secrets)
    except GatewayError as error:
        step.problem = problem_of(step, error)
    step.whose = scope_words(step.found.key if step.found else (step.name, *_scope(item, actor)))
    return step


def _scope(item: Plain, actor: Actor) -> tuple[str, ...]:
    visibility = item.get("visibility", "")
    return (
        (visibility, item.get("team") or "") if visibility == "team" else (visibility, item.get("owner") or actor.email)
    )


def _fill(step: Step, item: Plain, found: Found | None, secrets: Mapping[str, str]) -> None:
    """What has to be written of an item: all of a new one; of what is there, what differs, and secrets."""
    section = step.section
    settled = settle(section, item, found, secrets)
    step.found, step.secrets, step.missing = found, settled.told, settled.names
    wanted = settled.item
    if settled.is_missing_some:
        _switch_off(section, wanted, step)
    if found:
        there = without_secrets(found.item)
        offer = found.offered_as is not None
        wanted = {
            name: value
            for name, value in wanted.items()
            if name not in NEVER_CHANGES and not (offer and name in {"name", "originalName", "uri"})
            and value != there.get(name)
        }  # fmt: skip
        step.action = UPDATE if wanted else UNCHANGED
        if not wanted:
            return
    values = section.check({name: value for name, value in wanted.items() if name not in _structural(section)}
                           if found else wanted, found)  # fmt: skip
    step.wanted = Wanted(item=wanted, values=values, found=found, notes=step.notes)


def _structural(section: Section) -> set[str]:
    return set(section.structure) - {"gateway", "agent"}


def _switch_off(section: Section, item: Plain, step: Step) -> None:
    """What cannot be let in at its upstream does not go there either."""
    for name in ("enabled", "isEnabled"):
        if name in section.members:
            item[name] = False
            step.notes.append("A secret is missing, so that it is switched off until somebody sets it")


def _instead(step: Step, actor: Actor, asked: Asked, item: Plain, there: _Index, secrets: Mapping[str, str]) -> None:
    """What the other strategies do with something that is there and is to be different."""
    if asked.strategy == "fail":
        raise Exists
    if asked.strategy == "skip" or (step.found and step.found.offered_as) or step.section.required[0] != "name":
        step.action, step.wanted, step.secrets = SKIP, None, {}
        return
    renamed = {name: value for name, value in item.items() if name != "id"} | {"name": f"{item['name']}-imported"}
    step.name = renamed["name"]
    key = step.section.key_of(renamed, actor)
    found = there.find(key, {}, None)
    there.take(key, found, f"{step.path} as {step.name}")
    step.action, step.wanted = CREATE, None
    _fill(step, renamed, found, secrets)
    step.notes.append(f"{item['name']} is there already and stays")


def differences(before: Plain, after: Plain) -> dict[str, list[Any]]:
    """Member by member. Of what is new, what says something."""
    names = [*after, *(name for name in before if name not in after)]
    before, after = without_secrets(before), without_secrets(after)
    return {
        name: [before.get(name), after.get(name)]
        for name in names
        if before.get(name) != after.get(name) and (before or after.get(name) not in (None, "", [], {}))
    }


def secret_changed(step: Step, after: Found) -> bool:
    """Whether what was stored of its secrets is something else now."""
    sent = {SET, WRITTEN} & set(step.secrets.values())
    return bool(sent) and step.found is not None and step.found.sealed != after.sealed
