"""What a person leaves behind, whichever app it belongs to: told by the relations that lead to people."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, ManyToOneRel, Model, Q

from auth_app.models import ApiToken, Membership, User

OWNER = Membership.Role.OWNER


def sentences(person: User) -> list[str]:
    """For whoever is about to delete them. For use inside a unit."""
    found = []
    for model in _owned():
        rows = model._default_manager.filter(owner=person)
        private = rows.filter(_for_them_alone(person)).count()
        others = rows.count() - private
        if private:
            found.append(f"{_counted(model, private)} of their own, which nobody else sees, {_are(private)} deleted.")
        if others:
            found.append(f"{_counted(model, others)} that others use {_are(others)} handed over.")
    tokens = person.api_tokens.filter(kind=ApiToken.Kind.API, revoked_at=None).count()
    if tokens:
        found.append(f"{tokens} API token{'s' if tokens > 1 else ''} of theirs: nobody gets in with them any more.")
    found += [f"The team {name} has no other owner: it is handed over." for name in _only_owned(person).values()]
    return found


def hand_over(person: User, heir: User) -> None:
    """Delete what only they see, and give the rest to `heir`. For use inside a unit."""
    for model in _owned():
        rows = model._default_manager.filter(owner=person)
        rows.filter(_for_them_alone(person)).delete()
        rows.update(owner=heir)
    for team_id in _only_owned(person):
        Membership.objects.update_or_create(team_id=team_id, user=heir, defaults={"role": OWNER})


def _for_them_alone(person: User) -> Q:
    """What nobody else sees: it is private, or their personal team's."""
    return Q(visibility="private") | Q(visibility="team", team__person=person)


def _owned() -> Iterator[type[Model]]:
    """Every kind that is registered: its rows have an owner, and somebody who may see them."""
    for relation in User._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel) and relation.field.name == "owner":
            model = relation.related_model
            if any(field.name == "visibility" for field in model._meta.get_fields()):
                yield model


def _only_owned(person: User) -> dict[Any, str]:
    """The teams, by id, that have no owner but them; their personal one goes with them."""
    alone = Count("team__memberships", filter=Q(team__memberships__role=OWNER))
    rows = person.memberships.filter(role=OWNER, team__person=None).annotate(owners=alone).filter(owners=1)
    return dict(rows.order_by("team__name").values_list("team_id", "team__name"))


def _counted(model: type[Model], number: int) -> str:
    return f"{number} {model._meta.verbose_name if number == 1 else model._meta.verbose_name_plural}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
