"""What a question to the policy is about: whose rights, and which item. For use inside units."""

from uuid import UUID

from auth_app.actor import Actor
from auth_app.decision import Wanted
from auth_app.decisions.bodies import ItemsData, PermissionCheck
from auth_app.decisions.finding import Found, find_one, finders, models
from auth_app.decisions.reading import may_audit
from auth_app.models import ApiToken, User
from auth_app.policy import reach, require, sees
from auth_app.tokens.entries import scope_of
from auth_app.users.work import standing_of
from gatewaysite.validation import bad_field


def about_whom(actor: Actor, asked: PermissionCheck) -> Actor:
    """Whom the question is about."""
    mine = asked.user_email is None or asked.user_email.lower() == actor.email.lower()
    if mine and asked.token_id is None:
        return actor
    if asked.token_id is None or not ApiToken.objects.filter(pk=asked.token_id, user_id=actor.user_id).exists():
        require(actor, "audit.read")
    return _token_actor(asked.token_id) if asked.token_id else _person(asked.user_email or "")


def _person(email: str) -> Actor:
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise bad_field("user_email", "There is no such person", "unknown_person")
    return Actor(user.pk, user.email, user.is_admin, **standing_of(user.pk))


def _token_actor(token_id: UUID) -> Actor:
    row = ApiToken.objects.select_related("user").filter(pk=token_id).first()
    if row is None:
        raise bad_field("token_id", "There is no such token", "unknown_token")
    person = _person(row.user.email)
    return person.through(row.pk, scope_of(row.permissions, row.team_id, row.server_id))


def item_of(actor: Actor, asked: PermissionCheck) -> Found | Wanted | None:
    """What the question is about: an item, what a team has, any item, or nothing that has items."""
    kind = asked.resource_type or asked.permission.partition(".")[0]
    if asked.resource_id:
        item = find_one(kind, asked.resource_id)
        # Somebody who may not see it must not learn that it is there.
        if item is None or not (may_audit(actor) or sees(actor, item)):
            raise bad_field("resource_id", "There is no such item that you can see", "unknown_item")
        return item
    if asked.team_id:
        return Wanted(kind, "team", asked.team_id)
    return Wanted(kind, "", None) if kind in finders else None


def counted_for(actor: Actor, about: Actor, asked: PermissionCheck) -> ItemsData | None:
    """How many items there are, and how many of them are reached; for auditors, who may know that there are more."""
    kind = asked.permission.partition(".")[0]
    if kind not in models or not may_audit(actor):
        return None
    rows = models[kind]._default_manager
    reached = rows.filter(reach(about, asked.permission).as_q()).count()
    return {"reached": reached, "total": rows.count()}
