"""A report for people at a terminal."""

from collections.abc import Iterator
from typing import Any

from proxy_app.observe.attest.targets import FAILED

ROUTES_SHOWN, OFFENDERS_SHOWN = 12, 8

Plain = dict[str, Any]


def as_text(document: Plain) -> str:
    report = document["report"]
    return "\n".join(
        [
            *_head(report),
            "",
            *_targets(report),
            "",
            *_sessions(report),
            *_offenders(report),
            *_routes(report),
            *_load(report),
            "",
            f"signed with {document['signature']['algorithm']} key {document['signature']['public_key']}",
        ]
    )


def _head(report: Plain) -> Iterator[str]:
    samples = report["samples"]
    yield f"ATTESTATION: {report['verdict'].upper()}"
    # Of what failed, these are not the reasons: they say what may have failed as well.
    lead = "not seen: " if report["verdict"] == FAILED else ""
    yield from (f"  {lead}{reason}" for reason in report["reasons"])
    yield f"{report['installation']}, version {report['version']}, code {report['code'][:12]}"
    yield f"{report['began_at']} to {report['ended_at']}, {report['seconds']:g} s"
    cost = "" if samples["cost_ms"] is None else f", each in {samples['cost_ms']:g} ms"
    yield (
        f"{samples['taken']} of {samples['due']} samples, one every {samples['every_ms']:g} ms{cost};"
        f" {report['requests']} requests used a connection"
    )


def _targets(report: Plain) -> Iterator[str]:
    for target in report["targets"]:
        unit = f" {target['unit']}" if target["unit"] else ""
        word = {True: "met     ", False: "NOT MET ", None: "not seen"}[target["met"]]
        yield (
            f"  {word}  {target['words']}: {target['measured']:g}{unit} (at most {target['limit']:g}{unit},"
            f" {target['bar']})"
        )


def _sessions(report: Plain) -> Iterator[str]:
    idle, connections = report["idle_in_transaction"], report["connections"]
    open_most = connections["open_most"]
    yield (
        f"connections: {connections['in_use_most']} in use at most of {connections['bound']} that {_processes(report)}"
        f" may have; {open_most.get('pool', 0)} open, {open_most.get('listener', 0)} listeners,"
        f" {open_most.get('jobs', 0)} for jobs; max_connections {connections['max_connections']}"
    )
    yield (
        f"waiting for one: {connections['waiting_most']} at most, for {connections['longest_wait_ms']:g} ms;"
        f" {connections['refused']} refused"
    )
    ages = ", ".join(
        f"{row['seen']} {'older' if row['up_to_ms'] is None else 'to {:g} ms'.format(row['up_to_ms'])}"
        for row in idle["ages"]
        if row["seen"]
    )
    yield f"idle in transaction: seen {idle['seen']} times in {idle['samples_with_some']} samples{_aside(ages)}"
    if idle["of_others_most_at_once"]:
        yield f"  others of this database, not judged: {idle['of_others_most_at_once']} at once"


def _processes(report: Plain) -> str:
    count = len(report["processes"])
    return f"{count} process{'' if count == 1 else 'es'} ({guards(report) or 'no'} guard)"


def guards(report: Plain) -> str:
    """In which modes the processes' phase guards were: `count`, or `count and off`."""
    return " and ".join(sorted({process.get("guard_mode", "untold") for process in report["processes"]}))


def _offenders(report: Plain) -> Iterator[str]:
    for one in report["idle_in_transaction"]["offenders"][:OFFENDERS_SHOWN]:
        who = f"{one['route']} ({one['phase']}) {place(one)}" if one["route"] else "its hold was not told in time"
        yield f"  {one['age_ms']:g} ms  {who}"
        yield f"        after: {one['last_statement']}"
    for one in report["held_open"][:OFFENDERS_SHOWN]:
        yield f"  {one['held_ms']:g} ms  {one['route']} ({one['phase']}) {place(one)}: {RULES[one['rule']]}"
    yield from (
        f"  rule broken {row['count']} times: {row['route']} in phase {row['phase']}" for row in report["rules_broken"]
    )


def _routes(report: Plain) -> Iterator[str]:
    if report["routes"]:
        yield "holds by route and phase: p99 of budget, longest and where"
    for row in report["routes"][:ROUTES_SHOWN]:
        longest = row["longest"]
        where = f"{longest['held_ms']:g} ms {place(longest)}" if longest else "not told"
        mark = "" if row["within_budget"] else f"  OVER BUDGET {row['over_budget']} times"
        yield (
            f"  {row['route']} ({row['phase']}): {row['holds']} holds, {row['p99_ms']:g} of {row['budget_ms']:g} ms,"
            f" {where}{mark}"
        )


def _load(report: Plain) -> Iterator[str]:
    load = report["load"]
    if load:
        clients = f"{load['clients']} of {load['clients_wanted']} clients"
        yield f"load {load['profile']}: {clients}, {load['requests']} requests, {load['failed']} failed"
        yield from (
            f"  {row['name']}: {row['requests']} requests, p50 {row['p50_ms']:g} ms, p99 {row['p99_ms']:g} ms"
            f"{_aside(', '.join(f'{count} {what}' for what, count in row['others'].items()))}"
            for row in load["parts"]
        )
    if load and load["left_behind"]:
        yield f"  left behind, to be deleted by hand: {', '.join(f'/servers/{key}' for key in load['left_behind'])}"


# What a hold did that went on when somebody looked.
RULES = {
    "held_in_render": "held while a page was rendered",
    "held_in_stream": "held while an answer was sent",
    "held_in_upstream": "held while an upstream was asked",
    "idle_in_transaction": "idle in transaction",
    "over_budget": "over its budget, and idle for most of it",
}


def place(hold: Plain) -> str:
    return f"{hold['file']}:{hold['line']} {hold['function']}"


def _aside(text: str) -> str:
    return f" ({text})" if text else ""
