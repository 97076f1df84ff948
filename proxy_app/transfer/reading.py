"""What a document asks for: its parts and their items, each checked for what can be told without the database."""

from collections.abc import Mapping
from typing import Any

from auth_app.transfer.section import Plain, Section
from gatewaysite.errors import BadInput, FieldError, TooLarge
from gatewaysite.validation import NOT_IN_TEXT
from proxy_app.transfer import foreign
from proxy_app.transfer.document import FORMAT
from proxy_app.transfer.sections import BY_NAME, SECTIONS
from proxy_app.transfer.shapes import Asked, Strategy

ITEMS_AT_MOST = 10_000
# What a document tells of itself, and nothing is done with.
ABOUT = frozenset({"$schema", "format", "exportedAt", "exportedBy", "source"})
ENVELOPE = frozenset({"version", "exported_at", "exported_by", "source_gateway", "encryption_method", "metadata"})
NAMED_AT_MOST = 20


def read_document(
    document: Mapping[str, Any],
    *,
    strategy: Strategy = "update",
    prune: bool = False,
    only: Mapping[str, list[str]] | None = None,
) -> Asked:
    """Raises BadInput that names what of the document is no configuration."""
    left: list[Plain] = []
    notes: list[str] = []
    if "entities" in document and document.get("format") != FORMAT:
        document, left, notes = foreign.converted(document)
    elif "entities" in document:
        document = {name: value for name, value in document.items() if name not in ENVELOPE | {"entities"}} | (
            _object(document["entities"], "entities")
        )
    parts = {name: value for name, value in document.items() if name not in ABOUT}
    _check_parts(document, parts)
    items = {section.name: _items(section, parts[section.name]) for section in SECTIONS if section.name in parts}
    if only:
        items = _only(items, only)
        left = [one for one in left if one["section"] in only and one["name"] in only[one["section"]]]
    if sum(map(len, items.values())) > ITEMS_AT_MOST:
        raise TooLarge(f"A document has at most {ITEMS_AT_MOST:,} items; import it in parts")
    return Asked(items=items, strategy=strategy, prune=prune and not only, left=left, notes=notes)


def _check_parts(document: Mapping[str, Any], parts: Mapping[str, Any]) -> None:
    if document.get("format") != FORMAT:
        raise _wrong([("format", f"This is no configuration that can be read here: its format is to be {FORMAT}")])
    unknown = [name for name in parts if name not in BY_NAME]
    known = ", ".join(BY_NAME)
    wrong = [(name, f"There is no such part; there are {known}") for name in unknown[:NAMED_AT_MOST]]
    wrong += [
        (name, "A part is a list of items")
        for name, value in parts.items()
        if name in BY_NAME and not isinstance(value, list)
    ]
    if wrong:
        raise _wrong(wrong)


def _items(section: Section, said: list[Any]) -> list[tuple[str, Plain]]:
    """Each with its path, by the members' own spelling. What is in an item is checked with it, later."""
    found, wrong = [], list[tuple[str, str]]()
    for number, one in enumerate(said):
        path = f"{section.name}.{number}"
        item, faults = _item(section, one)
        wrong += [(f"{path}.{name}" if name else path, fault) for name, fault in faults]
        found.append((path, item))
    if wrong:
        raise _wrong(wrong[:NAMED_AT_MOST])
    return found


def _item(section: Section, said: Any) -> tuple[Plain, list[tuple[str, str]]]:
    if not isinstance(said, dict):
        return {}, [("", "An item is an object")]
    item: Plain = {}
    faults: list[tuple[str, str]] = []
    for name, value in said.items():
        member = section.members.get(name)
        if member is None:
            faults.append((name[:100], f"There is no such member of a {section.singular}"))
        elif member in item:
            faults.append((name, "This stands here twice, in two spellings"))
        else:
            item[member] = value
    faults += [(name, "This is missing") for name in section.required if name not in item]
    texts = {"team", "owner", "gateway", "agent", "id", *section.required} & item.keys()
    faults += [(name, "This is a text") for name in sorted(texts) if not _is_text(section, name, item[name])]
    if not isinstance(item.get("enabled", True), bool):
        faults.append(("enabled", "This is true or false"))
    if _has_controls(item):
        faults.append(("", "Control characters do not belong into a configuration"))
    return item, faults


def _is_text(section: Section, name: str, value: Any) -> bool:
    if name == "permissions":
        return isinstance(value, list)
    if value is None:
        return name in {"team", "owner"} and name in section.structure
    return isinstance(value, str) and 0 < len(value) <= 2000


def _has_controls(value: Any) -> bool:
    if isinstance(value, str):
        return bool(NOT_IN_TEXT.search(value))
    if isinstance(value, dict):
        return any(_has_controls(key) or _has_controls(one) for key, one in value.items())
    return isinstance(value, list) and any(map(_has_controls, value))


def _only(items: Mapping[str, list[tuple[str, Plain]]], only: Mapping[str, list[str]]) -> Any:
    unknown = [name for name in only if name not in BY_NAME]
    if unknown:
        raise _wrong([(f"selected_entities.{name}", "There is no such part") for name in unknown[:NAMED_AT_MOST]])
    return {
        name: [(path, item) for path, item in items.get(name, []) if not wanted or item.get("name") in wanted]
        for name, wanted in only.items()
    }


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong([(name, "This is an object of lists")])
    return value


def _wrong(found: list[tuple[str, str]]) -> BadInput:
    return BadInput(fields=[FieldError(("body", *path.split(".")), message, "document") for path, message in found])
