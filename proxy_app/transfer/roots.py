"""Roots: places that agents working here are told of."""

from collections.abc import Mapping
from typing import Any

from auth_app.actor import Actor
from auth_app.policy import Reach, require
from auth_app.stamps import Stamp
from auth_app.transfer.section import Found, Key, Plain, Section, Wanted
from gatewaysite.db.rows import part_of_unit
from gatewaysite.validation import validated, values_of
from proxy_app.roots.bodies import RootCreate, RootUpdate
from proxy_app.roots.work import RootData, add_root, all_roots, change_root, remove_root


def key_of(item: Plain, _actor: Actor) -> Key:
    return (str(item["uri"]),)


def read(_actor: Actor, reach: Reach) -> list[Found]:
    return [_found(root) for root in all_roots()] if reach.everywhere else []


def check(item: Plain, found: Found | None) -> Mapping[str, Any]:
    return values_of(validated(RootUpdate if found else RootCreate, item))


def write(actor: Actor, wanted: Wanted, stamp: Stamp) -> Found:
    with part_of_unit():
        if wanted.found:
            require(actor, "roots.update")
            return _found(change_root(wanted.found.id, wanted.values, stamp))
        require(actor, "roots.create")
        return _found(add_root(wanted.values, stamp))


def delete(actor: Actor, found: Found, stamp: Stamp) -> None:
    with part_of_unit():
        require(actor, "roots.delete")
        remove_root(found.id, stamp)


def _found(root: RootData) -> Found:
    """The URI is what it is known by, so that it is the id too."""
    return Found(key=(root["uri"],), id=root["uri"], item={"uri": root["uri"], "name": root["name"]})


ROOTS = Section(
    name="roots",
    singular="root",
    create=RootCreate,
    update=RootUpdate,
    structure={},
    required=("uri",),
    key_of=key_of,
    read=read,
    check=check,
    write=write,
    delete=delete,
)
