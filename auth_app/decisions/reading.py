"""Denials as they are told, each with the names its reader may know. For use inside units."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from auth_app.actor import Actor
from auth_app.decision import Decision, Thing, reasons
from auth_app.decisions.bodies import DenialData
from auth_app.decisions.words import ObjectData, explained
from auth_app.models import ApiToken, Denial, Team
from auth_app.policy import may, reach


def may_audit(actor: Actor) -> bool:
    return may(actor, "audit.read")


def told(rows: Sequence[Denial], actor: Actor) -> list[DenialData]:
    """For use inside a unit."""
    decisions = {row.pk: _decision(row) for row in rows}
    teams = team_names(actor, {team_id for one in decisions.values() for team_id in teams_in(one)})
    tokens = {row.token_id for row in rows if row.token_id}
    names: dict[UUID, str] = dict(ApiToken.objects.filter(pk__in=tokens).values_list("id", "name")) if tokens else {}
    return [_data(row, decisions[row.pk], teams, names, actor) for row in rows]


def _decision(row: Denial) -> Decision:
    steps, remedies = reasons(row.reasons)
    thing = Thing(
        row.object_kind, row.object_id, row.object_name, row.visibility, row.team_id, bool(row.reasons.get("is_new"))
    )
    return Decision(
        row.user_id, row.email, row.token_id, row.permission, thing, False, steps, row.failed, remedies, row.hidden
    )


def _data(
    row: Denial, decision: Decision, teams: Mapping[str, str], tokens: Mapping[UUID, str], actor: Actor
) -> DenialData:
    return {
        "id": row.pk.hex,
        "at": row.at,
        "last_at": row.last_at,
        "count": row.count,
        "user_email": row.email,
        "token_id": row.token_id.hex if row.token_id else None,
        "token_name": tokens.get(row.token_id) if row.token_id else None,
        "permission": row.permission,
        "object": object_data(decision.thing, teams, named=_may_name(row, actor)),
        "hidden": row.hidden,
        "via": row.surface,
        "request_id": row.request_id,
        "from_ip": row.from_ip,
        "explanation": explained(decision, teams),
    }


def _may_name(row: Denial, actor: Actor) -> bool:
    """Whether its name may be told now: who was refused may have lost sight of it since."""
    found = reach(actor, "audit.read")
    if found.everywhere or (row.team_id and UUID(row.team_id) in found.teams):
        return True
    team_id = UUID(row.team_id) if row.team_id else None
    own = row.object_kind == "tokens"  # one's own, or it would not be readable
    return own or reach(actor, f"{row.object_kind}.read").covers(_Shown(row.object_kind, row.visibility, team_id))


@dataclass(frozen=True, slots=True)
class _Shown:
    kind: str
    visibility: str
    team_id: UUID | None
    owner_id: None = None


def object_data(thing: Thing, teams: Mapping[str, str], *, named: bool) -> ObjectData:
    return {
        "kind": thing.kind,
        "id": thing.id or None,
        "name": (thing.name or None) if named else None,
        "visibility": thing.visibility or None,
        "team_id": thing.team_id or None,
        "team": teams.get(thing.team_id),
    }


def teams_in(decision: Decision) -> set[str]:
    changes = (change for remedy in decision.remedies for change in remedy)
    named = {decision.thing.team_id, *(step.team_id for step in decision.steps), *(one.team_id for one in changes)}
    return named - {""}


def team_names(actor: Actor, wanted: Collection[str]) -> dict[str, str]:
    """Of those teams, the names the actor may know."""
    known = {UUID(team_id) for team_id in wanted}
    if not may_audit(actor):
        known &= actor.team_ids | reach(actor, "teams.read").teams
    rows = Team.objects.filter(pk__in=known).values_list("pk", "name") if known else ()
    return {pk.hex: name for pk, name in rows}
