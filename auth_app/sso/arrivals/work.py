"""Units of work on people a provider vouches for: who they are here, and what its claims give them each time."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.utils import timezone

from auth_app.models import Membership, Role, RoleGrant, SsoApproval, SsoProvider, Team, User
from auth_app.sso.errors import SsoPending, SsoRejected
from auth_app.sso.mapping import Given, given_by, rules_of
from auth_app.sso.provider import Arrival
from auth_app.stamps import Stamp, audit
from auth_app.users.administrators import is_administrator, lock_administrators
from gatewaysite.errors import GatewayError

WAITS_FOR = timedelta(days=30)


def admit(arrival: Arrival, stamp: Stamp) -> User:
    """Who this is here, with what the provider's rules give as of now. Raises SsoRejected, or SsoPending."""
    refusal: GatewayError
    with transaction.atomic(durable=True):
        # One at a time for a provider, so that nobody is made twice.
        provider = SsoProvider.objects.select_for_update().filter(pk=arrival.entry.id, enabled=True).first()
        if provider is None or provider.issuer != arrival.entry.issuer:
            raise SsoRejected("The provider was changed meanwhile. Begin again.")
        given = given_by(rules_of(provider.rules), arrival.claims)
        found = _person(provider, arrival, given, stamp)
        if isinstance(found, User):
            _regrant(provider, found, given, stamp)
            return found
        refusal = found
    raise refusal


def _person(provider: SsoProvider, arrival: Arrival, given: Given, stamp: Stamp) -> User | GatewayError:
    """A refusal comes back instead of being raised, so that what was written of it stays."""
    if not _is_trusted(provider, arrival.email):
        return SsoRejected("People of your e-mail domain do not sign in through this provider.")
    known = SocialAccount.objects.filter(provider=provider.issuer, uid=arrival.subject).select_related("user").first()
    if known:
        return known.user if known.user.is_active else SsoRejected("You are locked out here.")
    if not arrival.email or not arrival.email_verified:
        return SsoRejected("The provider does not say that your e-mail address was verified.")
    person = User.objects.filter(email__iexact=arrival.email).first()
    # Nobody becomes an administrator by an address alone, just as by no other claim without a rule.
    if person and not (
        provider.link_by_email and person.is_active and (given.administrator or not is_administrator(person))
    ):
        return SsoRejected("There is an account of this e-mail address that does not belong to the provider's.")
    if person is None:
        refusal = _not_let_in(provider, arrival, stamp)
        if refusal:
            return refusal
        person = _made(arrival, stamp)
    _link(person, arrival, stamp)
    return person


def _is_trusted(provider: SsoProvider, email: str) -> bool:
    domain = email.rpartition("@")[2].lower()
    return not provider.trusted_domains or domain in provider.trusted_domains


def _not_let_in(provider: SsoProvider, arrival: Arrival, stamp: Stamp) -> GatewayError | None:
    if not provider.auto_create:
        return SsoRejected("Nobody of this e-mail address is known here, and this provider makes nobody known.")
    if not provider.approval_required:
        return None
    now = timezone.now()
    asked, new = SsoApproval.objects.get_or_create(
        provider=provider,
        subject=arrival.subject,
        defaults={"email": arrival.email, "full_name": arrival.full_name, "expires_at": now + WAITS_FOR},
    )
    same = asked.email.lower() == arrival.email.lower()
    if asked.status == SsoApproval.Status.APPROVED and asked.expires_at > now and same:
        return None
    if asked.status == SsoApproval.Status.REJECTED:
        return SsoRejected("An administrator did not let you in.")
    asked.email, asked.full_name = arrival.email, arrival.full_name
    asked.status, asked.expires_at = SsoApproval.Status.PENDING, now + WAITS_FOR
    asked.save(update_fields=["email", "full_name", "status", "expires_at"])
    if new:
        audit(stamp, "sso.approval_requested", "sso", provider.slug, asked.email)
    return SsoPending()


def _made(arrival: Arrival, stamp: Stamp) -> User:
    person = User(
        email=User.objects.normalize_email(arrival.email),
        full_name=arrival.full_name,
        auth_provider=arrival.entry.slug,
    )
    person.set_unusable_password()
    person.save(force_insert=True)
    audit(stamp, "user.created", "users", person.pk.hex, person.email, {"by": arrival.entry.slug})
    return person


def _link(person: User, arrival: Arrival, stamp: Stamp) -> None:
    SocialAccount.objects.create(
        user=person,
        provider=arrival.entry.issuer,
        uid=arrival.subject,
        extra_data={"sealed": arrival.sealed_claims()},
    )
    audit(stamp, "user.linked", "users", person.pk.hex, person.email,
          {"issuer": arrival.entry.issuer, "subject": arrival.subject})  # fmt: skip


# --- What claims give -------------------------------------------------------------------------------------------------


def _regrant(provider: SsoProvider, person: User, given: Given, stamp: Stamp) -> None:
    """Give and take until it is what the rules say. What was given by hand, or by another provider, stays."""
    plan = plan_for(provider, person, given)
    if not any(plan.values()):
        return
    for kind, key in plan["takes"]:
        _take(provider, person, kind, key)
    for kind, key in plan["gives"]:
        _give(provider, person, kind, key)
    told = {what: ", ".join(map(_words, ones)) for what, ones in plan.items()}
    audit(stamp, "user.regranted", "users", person.pk.hex, person.email, told | {"by": provider.slug})


type Grant = tuple[str, tuple[str, str]]
ADMINISTRATOR: Grant = ("administrator", ("", ""))


def plan_for(provider: SsoProvider, person: User, given: Given) -> dict[str, list[Grant]]:
    """What would be given and taken now. For use inside a unit."""
    here, elsewhere = _standing(provider, person)
    wanted = _existing(given)
    gives = {one for one in wanted - here if one not in elsewhere and not _has_place(one, elsewhere)}
    # A place in a team is changed by giving another one.
    replaced = {key[0] for kind, key in gives if kind == "membership"}
    takes = {one for one in here - wanted if not (one[0] == "membership" and one[1][0] in replaced)}
    if ADMINISTRATOR in takes and lock_administrators() == [person.pk]:
        takes.remove(ADMINISTRATOR)  # the last one stays, until somebody else is one
    return {"gives": sorted(gives), "takes": sorted(takes)}


def _standing(provider: SsoProvider, person: User) -> tuple[set[Grant], set[Grant]]:
    """What this provider's rules have given so far, and what somebody else has."""
    here: set[Grant] = set()
    elsewhere: set[Grant] = set()
    if person.is_admin:
        (here if person.admin_by_id == provider.pk else elsewhere).add(ADMINISTRATOR)
    grants: Any = RoleGrant.objects.filter(user=person).values_list("role__name", "team_id", "sso_provider_id")
    for role, team_id, by in grants:
        (here if by == provider.pk else elsewhere).add(("role", (role, team_id.hex if team_id else "")))
    places = Membership.objects.filter(user=person).values_list("team_id", "role", "sso_provider_id")
    for team_id, role, by in places:
        (here if by == provider.pk else elsewhere).add(("membership", (team_id.hex, role)))
    return here, elsewhere


def _existing(given: Given) -> set[Grant]:
    """Without roles and teams that are there no more."""
    roles = set(Role.objects.filter(name__in={role for role, _team in given.roles}).values_list("name", flat=True))
    named = {team for _role, team in given.roles if team} | {team for team, _role in given.memberships}
    teams = {"", *(pk.hex for pk in Team.objects.filter(pk__in=map(UUID, named)).values_list("pk", flat=True))}
    found: set[Grant] = {("role", key) for key in given.roles if key[0] in roles and key[1] in teams}
    found |= {("membership", key) for key in given.memberships if key[0] in teams}
    return found | ({ADMINISTRATOR} if given.administrator else set())


def _has_place(one: Grant, elsewhere: set[Grant]) -> bool:
    """In a team one has one place, and one that was given by hand stays."""
    kind, key = one
    return kind == "membership" and any(other == kind and key[0] == place[0] for other, place in elsewhere)


def _give(provider: SsoProvider, person: User, kind: str, key: tuple[str, str]) -> None:
    by = {"source": "sso", "sso_provider": provider}
    if kind == "administrator":
        person.is_admin, person.admin_by = True, provider
        person.save(update_fields=["is_admin", "admin_by"])
    elif kind == "role":
        role, team = Role.objects.get(name=key[0]), UUID(key[1]) if key[1] else None
        RoleGrant.objects.create(user=person, role=role, team_id=team, granted_by=provider.slug, **by)
    else:
        Membership.objects.update_or_create(team_id=UUID(key[0]), user=person, defaults={"role": key[1], **by})


def _take(provider: SsoProvider, person: User, kind: str, key: tuple[str, str]) -> None:
    given = {"user": person, "sso_provider": provider}
    if kind == "administrator":
        person.is_admin, person.admin_by = False, None
        person.save(update_fields=["is_admin", "admin_by"])
    elif kind == "role":
        where = {"team_id": UUID(key[1])} if key[1] else {"team": None}
        RoleGrant.objects.filter(role__name=key[0], **where, **given).delete()
    else:
        Membership.objects.filter(team_id=UUID(key[0]), role=key[1], **given).delete()


def _words(one: Grant) -> str:
    kind, (first, second) = one
    return " ".join(part for part in (kind, first, second) if part)


def names_of_teams(ids: set[str]) -> Mapping[str, str]:
    """For use inside a unit."""
    rows: Any = Team.objects.filter(pk__in=map(UUID, ids)).values_list("pk", "name")
    return {pk.hex: name for pk, name in rows}
