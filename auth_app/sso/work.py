"""Units of work on providers: keeping them, and finding the one somebody signs in with."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import AuditEntry, Role, SsoProvider, Team, User
from auth_app.policy import require
from auth_app.sso.bodies import (
    ClaimRuleData,
    ProviderData,
    ProviderOffer,
    SsoProviderCreate,
    SsoProviderUpdate,
    SsoRule,
    columns_of,
    data_of,
    defaults_of,
)
from auth_app.sso.errors import SsoUnavailable
from auth_app.sso.outgoing import Outgoing
from auth_app.sso.provider import ProviderEntry, callback_url_of
from auth_app.stamps import Stamp, audit, differences
from auth_app.users.administrators import lock_administrators
from gatewaysite.db.rows import unless_taken
from gatewaysite.errors import Conflict, NotFound
from gatewaysite.secrets import CannotUnseal, open_sealed, seal
from gatewaysite.validation import NOT_IN_A_LINE, bad_field

KIND = "sso"
PLACES = ("issuer", "authorization_url", "token_url", "userinfo_url")
ERRORS_SHOWN = 5
SLUG = re.compile(r"[a-z0-9-]{1,50}")


def offers() -> list[ProviderOffer]:
    """Those that people can sign in with. A single query needs no block."""
    rows = SsoProvider.objects.filter(enabled=True).order_by("display_name").values_list("slug", "display_name")
    return [{"id": slug, "name": slug, "display_name": name, "authorization_url": None} for slug, name in rows]


def find_enabled(slug: str) -> ProviderEntry | None:
    """A single query needs no block. Raises SsoUnavailable when the secret cannot be read."""
    row = _called(slug).filter(enabled=True).first()
    return _entry(row) if row else None


def entry_to_try(actor: Actor, slug: str) -> ProviderEntry:
    """A provider to be tried out, enabled or not."""
    require(actor, "sso.update")
    return _entry(named(slug))


def list_providers(actor: Actor) -> list[ProviderData]:
    require(actor, "sso.read")
    return [_told(row) for row in SsoProvider.objects.order_by("display_name", "slug")]


def read_provider(actor: Actor, slug: str) -> ProviderData:
    require(actor, "sso.read")
    return _told(named(slug))


def list_errors(actor: Actor, slug: str) -> list[dict[str, Any]]:
    """The last log-ins through it that were turned down. A single query needs no block."""
    require(actor, "sso.read")
    rows = AuditEntry.objects.filter(object_kind=KIND, object_id=slug, action="sso.rejected").order_by("-at", "-pk")
    return [{"at": row.at, "who": row.actor_email, "why": row.changes.get("why", "")} for row in rows[:ERRORS_SHOWN]]


def create_provider(actor: Actor, body: SsoProviderCreate, stamp: Stamp) -> ProviderData:
    require(actor, "sso.create")
    with transaction.atomic(durable=True):
        return _told(add_provider(body, stamp))


def update_provider(actor: Actor, slug: str, body: SsoProviderUpdate, stamp: Stamp) -> ProviderData:
    require(actor, "sso.update")
    with transaction.atomic(durable=True):
        return _told(change_provider(slug, body, stamp))


def delete_provider(actor: Actor, slug: str, stamp: Stamp) -> None:
    """With what its rules have given. People stay; who has no other way in has none.

    Raises Conflict when no administrator would be left.
    """
    require(actor, "sso.delete")
    with transaction.atomic(durable=True):
        remove_provider(slug, stamp)


# --- For use inside a unit: a write that is one of several ----------------------------------------------------------


def add_provider(body: SsoProviderCreate, stamp: Stamp) -> SsoProvider:
    row = SsoProvider(slug=body.id, **defaults_of(body) | columns_of(body))
    row.sealed_secret = seal({"secret": body.client_secret}) if body.client_secret else ""
    _check(row)
    row.rules = _settled(body.rules or ())
    _save(row, force_insert=True)
    audit(stamp, "sso.provider_created", KIND, row.slug, row.display_name, differences({}, _audited(row)))
    return row


def change_provider(slug: str, body: SsoProviderUpdate, stamp: Stamp) -> SsoProvider:
    row = _one_locked(slug)
    before = _audited(row)
    for name, value in columns_of(body).items():
        setattr(row, name, value)
    if body.client_secret:
        row.sealed_secret = seal({"secret": body.client_secret})
    if body.rules is not None:
        row.rules = _settled(body.rules)
    _check(row)
    row.updated_at = timezone.now()
    _save(row)
    changes: dict[str, Any] = differences(before, _audited(row))
    if body.client_secret:
        changes |= {"client_secret": "replaced"}
    audit(stamp, "sso.provider_updated", KIND, row.slug, row.display_name, changes)
    return row


def remove_provider(slug: str, stamp: Stamp) -> None:
    row = _one_locked(slug)
    made = set(User.objects.filter(admin_by=row).values_list("pk", flat=True))
    if made and made.issuperset(lock_administrators()):
        raise Conflict("Every administrator there is was made one by this provider's rules: make somebody else one")
    User.objects.filter(pk__in=made).update(is_admin=False)
    if not SsoProvider.objects.filter(issuer=row.issuer).exclude(pk=row.pk).exists():
        SocialAccount.objects.filter(provider=row.issuer).delete()
    row.delete()
    audit(stamp, "sso.provider_deleted", KIND, row.slug, row.display_name)


def note_rejected(slug: str, stamp: Stamp, why: str) -> None:
    with transaction.atomic(durable=True):
        audit(stamp, "sso.rejected", KIND, slug, slug, {"why": NOT_IN_A_LINE.sub("", why)[:500]})


def choices_for_rules() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Roles by name, and teams by id, for the editor of rules."""
    with transaction.atomic(durable=True):
        roles = [
            (name, name.replace("_", " ")) for name in Role.objects.order_by("name").values_list("name", flat=True)
        ]
        teams = [(pk.hex, name) for pk, name in Team.objects.order_by("name").values_list("pk", "name")[:500]]
    return roles, teams


def named(slug: str) -> SsoProvider:
    """The row. Raises NotFound."""
    return _there(_called(slug).first())


def _one_locked(slug: str) -> SsoProvider:
    """For use inside a unit."""
    return _there(_called(slug).select_for_update().first())


def _called(slug: str) -> QuerySet[SsoProvider]:
    """What no row could be called, the database is not asked for."""
    return SsoProvider.objects.filter(slug=slug) if SLUG.fullmatch(slug) else SsoProvider.objects.none()


def _there(found: SsoProvider | None) -> SsoProvider:
    if found is None:
        raise NotFound("SSO provider not found")
    return found


def _entry(row: SsoProvider) -> ProviderEntry:
    try:
        secret = open_sealed(row.sealed_secret).get("secret", "")
    except CannotUnseal as error:
        raise SsoUnavailable("The provider's secret cannot be read with the present ENCRYPTION_KEYS.") from error
    return ProviderEntry(
        id=row.pk,
        slug=row.slug,
        name=row.display_name,
        kind=row.kind,
        preset=row.preset,
        issuer=row.issuer,
        client_id=row.client_id,
        secret=secret,
        scopes=tuple(row.scopes),
        authorization_url=row.authorization_url,
        token_url=row.token_url,
        userinfo_url=row.userinfo_url,
        trusts_email=row.trusts_email,
        requires_at_hash=row.requires_at_hash,
    )


def _told(row: SsoProvider) -> ProviderData:
    return data_of(row, callback_url_of(row.slug))


def _check(row: SsoProvider) -> None:
    """Where it leads must be allowed for the gateway; of plain OAuth 2 all places must be known."""
    needed = PLACES if row.kind == SsoProvider.Kind.OAUTH2 else ("issuer",)
    for name in PLACES:
        url = getattr(row, name)
        if url:
            Outgoing.check(url, name)
        elif name in needed:
            raise bad_field(name, "Say where it is", "missing")
    if row.kind == SsoProvider.Kind.OIDC and "openid" not in row.scopes:
        raise bad_field("scopes", "Without the scope openid there is no ID token")


def _settled(rules: Sequence[SsoRule]) -> list[ClaimRuleData]:
    """The rules with their teams by id, all of which there must be. For use inside a unit."""
    roles = dict(Role.objects.values_list("name", "scope"))
    teams = {key: pk.hex for pk, slug in Team.objects.values_list("pk", "slug") for key in (pk.hex, str(pk), slug)}
    return [_settle(number, rule, roles, teams) for number, rule in enumerate(rules)]


def _settle(number: int, rule: SsoRule, roles: Mapping[str, str], teams: Mapping[str, str]) -> ClaimRuleData:
    where = f"rules.{number}"
    if rule.team and rule.team not in teams:
        raise bad_field(f"{where}.team", f"There is no team {rule.team}", "unknown_team")
    if rule.gives == "role" and roles.get(rule.role) not in {"global", "team"}:
        raise bad_field(f"{where}.role", f"There is no role {rule.role} to be given", "unknown_role")
    if rule.gives == "role" and (roles[rule.role] == "team") is not bool(rule.team):
        words = "is given in a team; say in which" if roles[rule.role] == "team" else "is given everywhere, in no team"
        raise bad_field(f"{where}.team", f"The role {rule.role} {words}", "team")
    return {
        "claim": rule.claim,
        "op": rule.op,
        "value": rule.value,
        "gives": rule.gives,
        "role": "" if rule.gives == "administrator" else rule.role,
        "team": "" if rule.gives == "administrator" else teams.get(rule.team, ""),
    }


def _save(row: SsoProvider, **how: Any) -> None:
    with unless_taken("slug", f"There is a provider called {row.slug} already"):
        row.save(**how)


def _audited(row: SsoProvider) -> dict[str, Any]:
    """Everything but the secret."""
    left_out = {"id", "sealed_secret", "created_at", "updated_at"}
    names = [field.attname for field in row._meta.concrete_fields if field.attname not in left_out]
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    return value.hex if isinstance(value, UUID) else value
