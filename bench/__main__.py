"""`python -m bench`: load a whole gateway on this machine and say what it did and cost.

Workloads are chosen by name or by the beginning of one (`call` for all calls); none means all. `memory` measures the
idle gateway only, `proxy-stream` sends many bytes through a proxy route, `abuse` lets clients leave at bad moments and
looks at what is left of the gateway, `faults` has upstreams hang, come and go, and cuts streams, `guard` compares
requests with the phase guard and the ledger to requests without, and `attest` has 300 clients watched for a minute.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

from bench import report
from bench.abuse import abuse
from bench.attest import attest
from bench.faults import faults
from bench.gateway import GatewayFailed, connection_routes, log_in, register
from bench.guard import guard_cost
from bench.measure import idle_memory, measure
from bench.stage import CannotBench, Stage, set_up
from bench.streaming import stream_through
from bench.upstream import tool_names
from bench.workloads import PROXY_ROUTE, REFERENCE, WORKLOADS, Access, Workload, missed
from bench.wrk import NoWrk, find_wrk
from gatewaysite.embedded import EmbeddedError

SPECIAL = ("memory", "proxy-stream", "abuse", "faults", "guard", "attest")


def main(arguments: list[str]) -> int:
    """0 when all went well, 1 when a target or the abuse test was missed, 2 when it could not be run."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    options = _parser().parse_args(arguments)
    try:
        chosen = _chosen(options.workloads)
        if chosen or "guard" in options.workloads:
            find_wrk()
        with set_up(_say) as stage:
            figures, failures = _run(stage, chosen, options)
    except (CannotBench, EmbeddedError, GatewayFailed, NoWrk) as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")
    if options.check:
        failures += missed(figures["workloads"])
    for failure in failures:
        print(f"MISSED {failure}")
    return 1 if failures else 0


def _run(stage: Stage, chosen: list[Workload], options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    access = _register(stage, signed_in="guard" in options.workloads or any(workload.signed_in for workload in chosen))
    figures: dict[str, dict[str, Any]] = {}
    around = report.surroundings()
    print(" ".join(f"{name}={value}" for name, value in around.items()), flush=True)
    idle = idle_memory(stage)
    figures["memory"] = {"idle_pss_mb": round(idle, 1)}
    print(f"idle memory of the gateway: {idle:.0f} MB PSS")
    if chosen:
        print(f"targets are for: {REFERENCE}\n{report.head()}", flush=True)
    for workload in chosen:
        results = []
        for _ in range(max(1, options.repeat)):
            results.append(measure(stage, workload, access, options.seconds))
            print(report.row(results[-1]), flush=True)
        results.sort(key=lambda result: result.rate)
        figures[workload.name] = results[len(results) // 2].as_dict()
    if chosen:
        after = idle_memory(stage)
        figures["memory"]["after_load_pss_mb"] = round(after, 1)
        print(f"memory after the load: {after:.0f} MB PSS")
    if "proxy-stream" in options.workloads:
        figures["proxy-stream"] = stream_through(stage, access, options.gigabytes)
        print(report.stream(figures["proxy-stream"]))
    failures = attest(stage, access, _say) if "attest" in options.workloads else []
    if "guard" in options.workloads:
        figures["guard"], dear = guard_cost(stage, access)
        print(report.guard(figures["guard"]))
        failures += dear
    if "faults" in options.workloads:
        told, failed = faults(stage, access, _say, options.gigabytes)
        figures["faults"] = told
        print(report.faults(told))
        failures += failed
    routes = connection_routes(stage.gateway)
    print(report.routes(routes))
    failures += report.over_budget(routes)
    # Last: it locks a table, and whoever reads that one holds a connection until it goes on.
    failures += abuse(stage, access, _say) if "abuse" in options.workloads else []
    return {"surroundings": around, "workloads": figures, "routes": routes}, failures


def _register(stage: Stage, *, signed_in: bool) -> Access:
    """Both eras of the upstream, through the gateway's own job, and the names their tools got."""
    tools: dict[str, str] = {}
    for era in ("modern", "legacy"):
        register(stage.gateway, f"bench-{era}", f"{stage.upstream_url}/{era}")
        tools |= {f"{era} {name}": f"bench-{era}-{name.replace('_', '-')}" for name in tool_names()}
    stage.gateway.json("POST", "/routes", {"name": PROXY_ROUTE, "upstreamUrl": stage.upstream_url})
    with psycopg.connect(stage.database_url, autocommit=True) as connection:
        connection.execute("ANALYZE")  # autovacuum would, a minute later; until then plans are for empty tables
    return Access(stage.gateway.token, log_in(stage.gateway) if signed_in else "", tools)


def _chosen(names: list[str]) -> list[Workload]:
    wanted = [name for name in names if name not in SPECIAL]
    for name in wanted:
        if not any(workload.name.startswith(name) for workload in WORKLOADS):
            known = ", ".join([workload.name for workload in WORKLOADS] + list(SPECIAL))
            raise CannotBench(f"There is no workload {name}. There are: {known}.")
    if not names:
        return list(WORKLOADS)
    return [workload for workload in WORKLOADS if any(workload.name.startswith(name) for name in wanted)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="workload")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each load lasts (10)")
    parser.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="load so often; the run in the middle counts"
    )
    parser.add_argument("--gigabytes", type=float, default=10.0, help="how much proxy-stream and faults send (10)")
    parser.add_argument("--json", metavar="FILE", help="write every figure to this file too")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target of the reference machine is missed")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _stop(number: int, _frame: FrameType | None) -> None:
    """Unwind, which stops every part; a second signal must not interrupt that."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


type Say = Callable[[str], None]

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
