"""What hangs on a team, whichever app it belongs to: told by the relations that lead to it."""

from dataclasses import dataclass, field

from django.db.models import PROTECT, ManyToOneRel

from auth_app.models import Membership, Team


@dataclass
class Dependents:
    """In sentences. `stays`: what forbids to delete the team; `goes`: what is deleted with it."""

    stays: list[str] = field(default_factory=list)
    goes: list[str] = field(default_factory=list)


def dependents_of(team: Team) -> Dependents:
    """For use inside a unit: a query for each kind of thing that a team can have."""
    found = Dependents()
    for relation in Team._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ManyToOneRel):
            continue
        model = relation.related_model
        count = model._default_manager.filter(**{relation.field.name: team}).count()
        noun = str(model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural)
        if not count:
            continue
        if relation.on_delete is PROTECT:
            verb, them = ("belongs", "it") if count == 1 else ("belong", "them")
            found.stays.append(f"{count} {noun} {verb} to it: delete {them} or give {them} to another team first.")
        elif model is not Membership:
            found.goes.append(f"{count} {noun} {'is' if count == 1 else 'are'} deleted with it.")
    return found
