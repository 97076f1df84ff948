"""An outcome in words: plain data for JSON, rows and pages, lines of text for a terminal. Never a secret."""

from collections.abc import Iterator
from typing import Any

from auth_app.transfer.section import Plain
from gatewaysite.responses import dump_json
from proxy_app.transfer.shapes import CREATE, DELETE, SKIP, UNCHANGED, UPDATE, Outcome, Step

SIGNS = {CREATE: "+", UPDATE: "~", DELETE: "-", SKIP: "="}
LONGEST = 400
WORDS = {
    "set": "set from the environment",
    "written": "set; it stands in the document",
    "changed": "changed",
    "kept": "kept as it is stored",
    "missing": "missing",
}


def plan_of(outcome: Outcome) -> Plain:
    """What would happen, or happened. What stays as it is is only counted."""
    return {
        "fingerprint": outcome.fingerprint,
        "has_changes": outcome.changes,
        "counts": outcome.counts,
        "changes": [_change(step) for step in outcome.steps if step.action != UNCHANGED and not step.problem],
        "conflicts": outcome.problems,
        "left_out": outcome.left,
        "missing_secrets": missing_secrets(outcome),
        "notes": outcome.notes,
    }


def missing_secrets(outcome: Outcome) -> list[Plain]:
    """What has to be put into the server's environment, or set by hand afterwards."""
    return [
        {
            "section": step.section.name,
            "name": step.name,
            "member": member,
            "variable": step.missing.get(member) or None,
        }
        for step in outcome.steps
        for member, how in step.secrets.items()
        if how == "missing"
    ]


def errors_of(outcome: Outcome) -> list[str]:
    return [f"{one['path'] or one['section']}: {one['name']}: {one['message']}" for one in outcome.problems]


def warnings_of(outcome: Outcome, *, dry_run: bool) -> list[str]:
    """In the manner of the existing system: a sentence for each thing that somebody may want to know."""
    would = {CREATE: "Would import", UPDATE: "Would update", DELETE: "Would delete"} if dry_run else {}
    steps = [step for step in outcome.steps if not step.problem]
    return [
        *(f"{would[step.action]} {step.section.singular}: {step.name}" for step in steps if step.action in would),
        *(f"Skipped existing {step.section.singular}: {step.name}" for step in steps if step.action == SKIP),
        *(f"{one['name']}: the secret {one['member']} is missing" for one in missing_secrets(outcome)),
        *(f"Cannot be taken: {one['section']} {one['name']}: {one['reason']}" for one in outcome.left),
        *outcome.notes,
    ]


def as_text(plan: Plain) -> Iterator[str]:
    """As `gateway plan` prints it: what comes, what changes, what goes, and what stands in the way."""
    for change in plan["changes"]:
        whose = f"  {change['whose']}" if change["whose"] else ""
        yield f"{SIGNS[change['action']]} {change['kind']} {change['name']}{whose}"
        for line in change["members"]:
            yield (
                f"    {line['member']}: {line['before']} -> {line['after']}"
                if change["action"] == UPDATE
                else (f"    {line['member']}: {line['after']}")
            )
        yield from (f"    {line['member']}: secret {line['words']}" for line in change["secrets"])
        yield from (f"    {note}" for note in change["notes"])
    for conflict in plan["conflicts"]:
        yield f"! {conflict['path'] or conflict['section']} {conflict['name']}: {conflict['message']}"
    for left in plan["left_out"]:
        yield f"? {left['section']} {left['name']}: cannot be taken: {left['reason']}"
    yield from plan["notes"]
    yield summary(plan["counts"])


def summary(counts: dict[str, int]) -> str:
    """`2 to create, 1 to change, 40 as they are.`"""
    words = (("create", "to create"), ("update", "to change"), ("delete", "to delete"), ("skip", "skipped"),
             ("conflict", "in conflict"), ("left_out", "cannot be taken"), (UNCHANGED, "as they are"))  # fmt: skip
    said = ", ".join(f"{counts[name]} {word}" for name, word in words if counts.get(name))
    return f"{said or 'Nothing to do'}."


def progress_of(counts: dict[str, int], total: int) -> Plain:
    """By the names of the existing system, and what it does not know."""
    processed = sum(counts.values()) - counts.get("conflict", 0)
    return {
        "total": total,
        "processed": processed,
        "created": counts.get(CREATE, 0),
        "updated": counts.get(UPDATE, 0),
        "deleted": counts.get(DELETE, 0),
        "skipped": counts.get(SKIP, 0) + counts.get("left_out", 0),
        "unchanged": counts.get(UNCHANGED, 0),
        "failed": counts.get("conflict", 0),
    }


def _change(step: Step) -> Plain:
    return {
        "action": step.action,
        "section": step.section.name,
        "kind": step.section.singular,
        "name": step.name,
        "path": step.path,
        "whose": step.whose,
        "members": [
            {"member": member, "before": _short(before), "after": _short(after)}
            for member, (before, after) in step.members.items()
            if step.action != CREATE or member != "name"
        ],
        "secrets": [
            {"member": member, "how": how, "words": WORDS[how], "variable": step.missing.get(member) or None}
            for member, how in step.secrets.items()
            if how != "kept" or step.action == UPDATE
        ],
        "notes": step.notes,
    }


def _short(value: Any) -> str:
    text = dump_json(value).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
