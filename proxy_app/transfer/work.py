"""Units of work on the configuration as a whole: reading it, and importing a document. All return plain data.

A plan is an import that is undone before anybody sees it: so that it tells of everything that an import would meet.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction

from auth_app.actor import Actor
from auth_app.policy import Reach, denied, reach
from auth_app.stamps import Stamp, audit
from auth_app.transfer.section import Found
from gatewaysite.errors import Conflict, GatewayError
from proxy_app.transfer.comparing import Seen, differences, secret_changed, steps_of
from proxy_app.transfer.kinds import Moved
from proxy_app.transfer.rows import complete
from proxy_app.transfer.sections import BY_NAME, SECTIONS
from proxy_app.transfer.shapes import CREATE, DELETE, UNCHANGED, UPDATE, Asked, Outcome, Step, problem_of

ATTEMPTS = 3
# So that two imports at one time come one after the other. Any number that nothing else uses.
LOCK = 0x706F6F6C67617465


class PlanMoved(Conflict):
    """What would happen now is not what the plan says: look at it again"""

    code = "plan_moved"


class _Undone(Exception):
    """Ends a unit whose writes are not to stay."""


def export_sections(actor: Actor, names: Sequence[str]) -> dict[str, list[Found]]:
    """What the actor sees of what their permission to export reaches."""
    within = _within(actor, "config.export")
    with transaction.atomic(durable=True):
        return {name: BY_NAME[name].read(actor, within) for name in names}


def plan_import(actor: Actor, asked: Asked, stamp: Stamp) -> Outcome:
    """What an import would do, and what stands in its way. Nothing of it stays."""
    return _run(actor, asked, stamp, stays=False)


def apply_import(actor: Actor, asked: Asked, stamp: Stamp, *, transfer_id: str = "", fingerprint: str = "") -> Outcome:
    """All of it, or, where something stands in its way, nothing. The row of it says so in the same transaction.

    Raises PlanMoved when it would not do what the plan with this fingerprint says.
    """
    return _run(actor, asked, stamp, stays=True, transfer_id=transfer_id, fingerprint=fingerprint)


def require_import(actor: Actor) -> None:
    _within(actor, "config.import")


def require_export(actor: Actor) -> None:
    _within(actor, "config.export")


def may_import(actor: Actor) -> bool:
    """Anything at all: everywhere, or in a team that is not one person's own."""
    return _is_somewhere(actor, reach(actor, "config.import"))


def _within(actor: Actor, permission: str) -> Reach:
    """Where the permission holds; whoever has it nowhere is refused."""
    found = reach(actor, permission)
    if not _is_somewhere(actor, found):
        raise denied(actor, permission, place="everywhere, or in a team")
    return found


def _is_somewhere(actor: Actor, found: Reach) -> bool:
    return found.everywhere or bool(found.teams - {actor.personal_team_id})


def _run(
    actor: Actor, asked: Asked, stamp: Stamp, *, stays: bool, transfer_id: str = "", fingerprint: str = ""
) -> Outcome:
    """What is read, checked and sealed before the transaction that writes holds only as long as nothing moved."""
    require_import(actor)
    stamp = replace(stamp, via="import", batch=transfer_id or uuid4().hex)
    secrets = settings.IMPORT_SECRETS if actor.is_admin else {}
    attempt = 0
    while True:
        attempt += 1
        seen = _look(actor, asked)
        steps = steps_of(actor, asked, seen, secrets, SECTIONS)
        outcome = Outcome(steps=steps, left=asked.left, notes=list(asked.notes), transfer_id=stamp.batch)
        try:
            _write(actor, asked, seen, outcome, stamp, stays=stays, fingerprint=fingerprint)
        except Moved:
            if attempt == ATTEMPTS:
                raise
        else:
            return outcome


def _look(actor: Actor, asked: Asked) -> Seen:
    with transaction.atomic(durable=True):
        return _seen(actor, asked)


def _seen(actor: Actor, asked: Asked) -> Seen:
    """For use inside a unit. Whatever the actor sees counts: an import must not think that it is not there."""
    within = reach(actor, "config.import")
    return {name: BY_NAME[name].read(actor, within) for name in asked.items}


def _write(
    actor: Actor, asked: Asked, seen: Seen, outcome: Outcome, stamp: Stamp, *, stays: bool, fingerprint: str
) -> None:
    try:
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            if _seen(actor, asked) != seen:
                raise Moved
            for step in outcome.steps:
                _take(actor, step, stamp)
            if fingerprint and fingerprint != outcome.fingerprint:
                raise PlanMoved
            if not stays or outcome.problems:
                raise _Undone
            if outcome.changes:
                audit(stamp, "config.imported", "config", stamp.batch, "configuration", dict(outcome.counts))
            complete(stamp.batch, outcome)
    except _Undone:
        return


def _take(actor: Actor, step: Step, stamp: Stamp) -> None:
    """One step, in a savepoint: one that fails spoils nothing of the others, so that a plan tells of all of them."""
    if step.problem or (step.wanted is None and step.action != DELETE):
        return
    try:
        with transaction.atomic():
            if step.action == DELETE and step.found:
                step.section.delete(actor, step.found, stamp)
            elif step.wanted:
                _settle(step, step.section.write(actor, step.wanted, stamp))
    except Moved:
        raise
    except _Undone:
        step.action = UNCHANGED
    except GatewayError as error:
        step.problem = problem_of(step, error)


def _settle(step: Step, after: Found) -> None:
    """What came of a write. One that changed nothing after all is undone, so that it leaves no trace."""
    before = step.found.item if step.found else {}
    step.members = differences(before, after.item)
    changed = secret_changed(step, after)
    if step.found:
        step.secrets = {name: ("changed" if changed else "kept") if how in ("set", "written") else how
                        for name, how in step.secrets.items()}  # fmt: skip
        if not step.members and not changed:
            raise _Undone
    step.action = UPDATE if step.found else CREATE
