"""Authorization servers elsewhere whose tokens let people in."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from auth_app.actor import Actor
from auth_app.oauth.issuers.bodies import Claim, Issuer, IssuerCreate, Subjects, Text
from auth_app.oauth.issuers.work import add_issuer, all_issuers, change_issuer, remove_issuer, require_issuers
from auth_app.policy import Reach
from auth_app.stamps import Stamp
from auth_app.transfer.section import Found, Key, Plain, Section, Wanted
from gatewaysite.db.rows import part_of_unit
from gatewaysite.validation import Body, Line, bad_field, validated, values_of


class IssuerItem(Body):
    issuer: Issuer = Field(description="Which one it is: it never changes.")
    name: Line
    audiences: list[Text] = Field([], max_length=20, description="Which `aud` is meant for us.")
    person_claim: Claim = "email"
    subjects: Subjects = Field({}, description="E-mail addresses of our people by their `sub`.")
    offered: bool = Field(False, description="Clients are sent there before they are sent to us.")
    enabled: bool = True


class IssuerChange(IssuerItem):
    issuer: Issuer = ""
    name: Line = ""


def key_of(item: Plain, _actor: Actor) -> Key:
    return (str(item["issuer"]),)


def read(_actor: Actor, reach: Reach) -> list[Found]:
    return [_found(dict(row)) for row in all_issuers()] if reach.everywhere else []


def check(item: Plain, found: Found | None) -> Mapping[str, Any]:
    if found and "issuer" in item:
        raise bad_field("issuer", "The URL of an issuer never changes: another one is another issuer")
    return values_of(validated(IssuerChange if found else IssuerItem, item))


def write(actor: Actor, wanted: Wanted, stamp: Stamp) -> Found:
    with part_of_unit():
        if wanted.found:
            require_issuers(actor, "update")
            return _found(dict(change_issuer(wanted.found.id, wanted.values, stamp)))
        require_issuers(actor, "create")
        return _found(dict(add_issuer(IssuerCreate(**wanted.values), stamp)))


def delete(actor: Actor, found: Found, stamp: Stamp) -> None:
    with part_of_unit():
        require_issuers(actor, "delete")
        remove_issuer(found.id, stamp)


def _found(row: Plain) -> Found:
    names = {"issuer": "issuer", "name": "name", "audiences": "audiences", "personClaim": "person_claim"}
    names |= {name: name for name in ("subjects", "offered", "enabled")}
    return Found(key=(row["issuer"],), id=row["id"], item={ours: row[theirs] for ours, theirs in names.items()})


ISSUERS = Section(
    name="issuers",
    singular="issuer",
    create=IssuerItem,
    update=IssuerChange,
    structure={},
    required=("issuer", "name"),
    key_of=key_of,
    read=read,
    check=check,
    write=write,
    delete=delete,
)
