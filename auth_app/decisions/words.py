"""Decisions in words: each rule with what it said, what stood in the way, and what would change it."""

from collections.abc import Mapping
from typing import TypedDict

from auth_app.decision import Change, Decision, Remedy, Step

ROLES = "roles"


class RuleData(TypedDict):
    """`outcome`: allows or nothing of a role, passes or stops of a limit."""

    rule: str
    outcome: str
    says: str


class RemedyData(TypedDict):
    """All of the changes are needed."""

    changes: list[str]


class ObjectData(TypedDict):
    """What it was about. What one may not know of it is null."""

    kind: str
    id: str | None
    name: str | None
    visibility: str | None
    team_id: str | None
    team: str | None


class ExplanationData(TypedDict):
    """`summary` is the first rule that stands in the way, in words; empty when nothing does."""

    allowed: bool
    summary: str
    rules: list[RuleData]
    remedies: list[RemedyData]


LIMITS = {
    "token_permissions": "The token's scope",
    "token_team": "The token is for one team",
    "token_networks": "The token is for some networks only, and this request came from elsewhere",
    "token_hours": "The token is for certain hours only, and this was another",
    "token_server": "The token is for one server's MCP endpoint only",
    "token_session": "Tokens are managed by signed-in people; a token manages none",
    "token_expired": "The token has expired",
    "token_revoked": "The token was revoked",
    "token_locked": "The token's owner is locked",
}
OF_USE = {
    "token_networks": "Use it from one of its networks, or add this one to them",
    "token_hours": "Use it at its hours, or change them",
    "token_server": "Use a token that is not for one server only",
    "token_session": "Sign in with a browser",
    "token_expired": "Make a new token",
    "token_revoked": "Make a new token",
    "token_locked": "Unlock its owner",
}


def explained(decision: Decision, teams: Mapping[str, str]) -> ExplanationData:
    """`teams`: the names of those teams the reader may know, by id."""
    return {
        "allowed": decision.allowed,
        "summary": "" if decision.allowed else summary(decision, teams),
        "rules": [_rule(step, decision, teams) for step in decision.steps],
        "remedies": [{"changes": _changes(remedy, decision, teams)} for remedy in decision.remedies],
    }


def summary(decision: Decision, teams: Mapping[str, str]) -> str:
    if decision.failed == ROLES:
        return f"No role gives {decision.permission} {_place(decision, teams)}."
    step = next((step for step in decision.steps if step.rule == decision.failed), None)
    return f"{_said(step, decision, teams)}." if step else ""


def team_name(team_id: str, teams: Mapping[str, str]) -> str:
    return f"team {teams[team_id]}" if team_id in teams else "another team"


def _rule(step: Step, decision: Decision, teams: Mapping[str, str]) -> RuleData:
    limit = step.rule in LIMITS
    outcome = ("passes" if limit else "allows") if step.holds else ("stops" if limit else "nothing")
    return {"rule": step.rule, "outcome": outcome, "says": f"{_said(step, decision, teams)}."}


def _said(step: Step, decision: Decision, teams: Mapping[str, str]) -> str:
    match step.rule:
        case "token_permissions":
            return f"{LIMITS[step.rule]} {'has' if step.names else 'lacks'} {decision.permission}"
        case "token_team":
            return f"{LIMITS[step.rule]}: what is public, and what {team_name(step.team_id, teams)} has"
        case rule if rule in LIMITS:
            return LIMITS[rule]
    whose = _whose(step, teams)
    if not step.names:
        return f"{whose}: does not have {decision.permission}"
    return f"{whose}: {decision.permission} for {_reaches(step, teams)}"


def _whose(step: Step, teams: Mapping[str, str]) -> str:
    match step.rule:
        case "everyone":
            return "Everybody"
        case "personal":
            return "Owner"
        case "platform_admin":
            return "Administrator"
        case "membership":
            return f"Membership in {team_name(step.team_id, teams)}, {step.role}"
    where = f"in {team_name(step.team_id, teams)}" if step.team_id else "everywhere"
    return f"Granted role {step.role} {where}"


def _reaches(step: Step, teams: Mapping[str, str]) -> str:
    if step.team_id:
        return f"what {team_name(step.team_id, teams)} has"
    if step.rule == "everyone":
        return "what is public"
    return "what is one's own" if step.rule == "personal" else "everything but other people's private items"


def _place(decision: Decision, teams: Mapping[str, str]) -> str:
    thing = decision.thing
    match thing.visibility:
        case "private":
            return "for it: it is private" if not thing.is_new else "for private items"
        case "team":
            return f"for what {team_name(thing.team_id, teams)} has"
        case "public":
            return "for what is public"
    return "for anything" if thing.is_new else "everywhere"


def _changes(remedy: Remedy, decision: Decision, teams: Mapping[str, str]) -> list[str]:
    return [_change(change, decision, teams) for change in remedy]


def _change(change: Change, decision: Decision, teams: Mapping[str, str]) -> str:
    match change.what:
        case "role":
            where = f"in {team_name(change.team_id, teams)}" if change.team_id else "everywhere"
            return f"Give {decision.email} the role {change.role} {where}"
        case "keep":
            return "Make it private, or for a team of theirs"
        case "publish":
            return "Make it public"
        case "own":
            return "Only its owner reaches what is private, and can share it"
        case "token_permission":
            return f"Give the token {change.permission}"
        case "token_team":
            return "Use a token that is not held to that team"
    return OF_USE.get(decision.failed, "Use another token")
