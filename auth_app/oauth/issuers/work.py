"""Units of work on trusted issuers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Lower

from auth_app.actor import Actor
from auth_app.current import require_signed_in
from auth_app.models import IssuerSubject, TrustedIssuer, User
from auth_app.oauth.issuers.bodies import IssuerCreate, IssuerData, IssuerUpdate
from auth_app.policy import require
from auth_app.stamps import Stamp, audit, differences
from gatewaysite.db.rows import one_by_id, unless_taken
from gatewaysite.errors import NotFound
from gatewaysite.validation import bad_field

KIND = "issuers"
COLUMNS = ("name", "audiences", "person_claim", "offered", "enabled")


def list_issuers(actor: Actor) -> list[IssuerData]:
    require_issuers(actor, "read")
    with transaction.atomic(durable=True):
        return all_issuers()


def read_issuer(actor: Actor, key: str) -> IssuerData:
    require_issuers(actor, "read")
    with transaction.atomic(durable=True):
        return _data(_one(key))


def create_issuer(actor: Actor, body: IssuerCreate, stamp: Stamp) -> IssuerData:
    require_issuers(actor, "create")
    with transaction.atomic(durable=True):
        return add_issuer(body, stamp)


def update_issuer(actor: Actor, key: str, body: IssuerUpdate, stamp: Stamp) -> IssuerData:
    require_issuers(actor, "update")
    with transaction.atomic(durable=True):
        return change_issuer(key, body.model_dump(exclude_unset=True, exclude_none=True), stamp)


def delete_issuer(actor: Actor, key: str, stamp: Stamp) -> None:
    """Its tokens let nobody in from then on."""
    require_issuers(actor, "delete")
    with transaction.atomic(durable=True):
        remove_issuer(key, stamp)


# --- For use inside a unit: a write that is one of several ----------------------------------------------------------


def all_issuers() -> list[IssuerData]:
    return _data_of(list(TrustedIssuer.objects.order_by("name", "pk")))


def add_issuer(body: IssuerCreate, stamp: Stamp) -> IssuerData:
    row = TrustedIssuer(issuer=body.issuer, **{name: getattr(body, name) for name in COLUMNS})
    with unless_taken("issuer", f"The issuer {body.issuer} is trusted already"):
        row.save(force_insert=True)
    _set_subjects(row, body.subjects)
    audit(stamp, "issuer.trusted", KIND, row.pk.hex, row.name, differences({}, body.model_dump()))
    return _data(row)


def change_issuer(key: str, said: Mapping[str, Any], stamp: Stamp) -> IssuerData:
    row = _one(key, for_update=True)
    before = _data(row)
    for name in said.keys() & set(COLUMNS):
        setattr(row, name, said[name])
    row.save()
    if "subjects" in said:
        _set_subjects(row, said["subjects"])
    after = _data(row)
    audit(stamp, "issuer.updated", KIND, row.pk.hex, row.name, differences(before, after))
    return after


def remove_issuer(key: str, stamp: Stamp) -> None:
    row = _one(key, for_update=True)
    audit(stamp, "issuer.deleted", KIND, row.pk.hex, row.name, {"issuer": row.issuer})
    row.delete()


def require_issuers(actor: Actor, verb: str) -> None:
    """Whoever is believed decides who gets in, so a token does not."""
    require_signed_in(actor)
    require(actor, f"{KIND}.{verb}")


def _one(key: str, *, for_update: bool = False) -> TrustedIssuer:
    rows = TrustedIssuer.objects.select_for_update() if for_update else TrustedIssuer.objects.all()
    return one_by_id(rows, key, NotFound("Issuer not found"))


def _set_subjects(row: TrustedIssuer, subjects: Mapping[str, str]) -> None:
    rows = User.objects.alias(written_small=Lower("email"))
    wanted = {email.lower() for email in subjects.values()}
    people = {user.email.lower(): user for user in rows.filter(written_small__in=wanted)}
    if unknown := sorted(email for email in subjects.values() if email.lower() not in people):
        raise bad_field("subjects", f"There is nobody here called {unknown[0]}", "unknown_person")
    row.subjects.all().delete()
    IssuerSubject.objects.bulk_create(
        IssuerSubject(issuer=row, subject=subject, user=people[email.lower()]) for subject, email in subjects.items()
    )


def _data(row: TrustedIssuer) -> IssuerData:
    return _data_of([row])[0]


def _data_of(rows: Sequence[TrustedIssuer]) -> list[IssuerData]:
    """With one query for the subjects of all of them."""
    subjects = defaultdict[UUID, dict[str, str]](dict)
    found = IssuerSubject.objects.filter(issuer__in=rows).order_by("subject")
    for issuer_id, subject, email in found.values_list("issuer_id", "subject", "user__email"):
        subjects[issuer_id][subject] = email
    return [
        {
            "id": row.pk.hex,
            "name": row.name,
            "issuer": row.issuer,
            "audiences": row.audiences,
            "person_claim": row.person_claim,
            "subjects": subjects[row.pk],
            "offered": row.offered,
            "enabled": row.enabled,
            "created_at": row.created_at,
        }
        for row in rows
    ]
