"""Units of work for looking before anything happens: what rules would do, and who waits to be let in."""

from datetime import timedelta
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import SsoApproval, SsoProvider, User
from auth_app.policy import require
from auth_app.sso.arrivals.work import Grant, names_of_teams, plan_for
from auth_app.sso.bodies import ApprovalAction, ApprovalData, approval_of
from auth_app.sso.mapping import Claims, given_by, matches, rules_of
from auth_app.sso.work import named
from auth_app.stamps import Stamp, audit
from gatewaysite.db.rows import one_by_id
from gatewaysite.errors import Conflict, NotFound
from gatewaysite.secrets import CannotUnseal, open_sealed
from gatewaysite.validation import NOT_IN_A_LINE, bad_field

SHOWN = 200
# Whoever was let in has so long to come.
COMES_WITHIN = timedelta(days=30)


def preview(actor: Actor, slug: str, claims: Claims | None, email: str) -> dict[str, Any]:
    """What the rules make of some claims, for a person: nothing is given or taken.

    Without claims, those of the person's last log-in through this provider.
    """
    require(actor, "sso.update")
    email = NOT_IN_A_LINE.sub("", email)
    with transaction.atomic(durable=True):
        provider = named(slug)
        person = User.objects.filter(email__iexact=email).first() if email else None
        if email and person is None:
            raise bad_field("email", "Nobody here has this address", "unknown_person")
        sealed = "" if claims is not None or person is None else _kept(provider, person)
        plan_needs = person or User(email="somebody new")
        found = claims if claims is not None else _opened(sealed)
        rules = rules_of(provider.rules)
        plan = plan_for(provider, plan_needs, given_by(rules, found))
        teams = names_of_teams({rule.team for rule in rules if rule.team})
    return {
        "who": person.email if person else "somebody new",
        "claims": dict(found),
        "rules": [
            {"text": f"{rule.claim} {rule.op.replace('_', ' ')} {rule.value}", "matches": matches(rule, found),
             "gives": _words((rule.gives, (rule.team, rule.role) if rule.gives == "membership"
                              else (rule.role, rule.team)), teams)}
            for rule in rules
        ],
        "gives": [_words(one, teams) for one in plan["gives"]],
        "takes": [_words(one, teams) for one in plan["takes"]],
    }  # fmt: skip


def _kept(provider: SsoProvider, person: User) -> str:
    account = SocialAccount.objects.filter(provider=provider.issuer, user=person).order_by("-last_login").first()
    if account is None:
        raise bad_field("email", "This person has not signed in through this provider yet", "unknown_person")
    return str(account.extra_data.get("sealed", ""))


def _opened(sealed: str) -> Claims:
    try:
        claims: Claims = open_sealed(sealed).get("claims", {})
    except CannotUnseal:
        return {}
    return claims


def _words(grant: Grant, teams: Any) -> str:
    kind, (first, second) = grant
    if kind == "administrator":
        return "administrator"
    team, role = (first, second) if kind == "membership" else (second, first)
    where = f"in {teams.get(team, 'a team that is gone')}" if team else "everywhere"
    return f"{role} {where}" if kind == "membership" else f"the role {role} {where}"


# --- Who waits --------------------------------------------------------------------------------------------------------


def list_waiting(actor: Actor, *, expired: bool = False) -> list[ApprovalData]:
    """A single query needs no block."""
    require(actor, "sso.approve")
    rows = SsoApproval.objects.filter(status=SsoApproval.Status.PENDING).select_related("provider")
    if not expired:
        rows = rows.filter(expires_at__gt=timezone.now())
    return [approval_of(row) for row in rows.order_by("requested_at")[:SHOWN]]


def decide(actor: Actor, key: str, body: ApprovalAction, stamp: Stamp) -> str:
    """Let somebody in, or not; the person's address. Who was let in is made known with the next log-in."""
    require(actor, "sso.approve")
    with transaction.atomic(durable=True):
        row = _waiting(key)
        if row.status != SsoApproval.Status.PENDING:
            raise Conflict(f"This was decided before: {row.status}")
        now = timezone.now()
        approved = body.action == "approve"
        row.status = SsoApproval.Status.APPROVED if approved else SsoApproval.Status.REJECTED
        row.decided_at, row.decided_by, row.reason = now, actor.email, body.reason
        row.expires_at = now + COMES_WITHIN if approved else row.expires_at
        row.save()
        audit(stamp, f"sso.{row.status}", "sso", row.provider.slug, row.email, {"why": body.reason})
        return row.email


def _waiting(key: str) -> SsoApproval:
    rows = SsoApproval.objects.select_for_update(of=("self",)).select_related("provider")
    return one_by_id(rows, key, NotFound("Nobody waits under this id"))
