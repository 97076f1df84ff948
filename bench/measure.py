"""Running one workload, and what it did and cost."""

import json
import time
import urllib.request
from dataclasses import asdict, dataclass
from typing import Any

from bench import wrk
from bench.processes import cpu_s, machine_cpu_s, pss_mb
from bench.stage import Stage
from bench.watch import watching
from bench.workloads import Access, Workload

WARM_UP_S = 2.0
# After this the gateway has written the calls it queued and freed what it holds only while busy.
SETTLE_S = 3.0


@dataclass(frozen=True)
class Result:
    """Figures of one run. CPU is that of the gateway's processes, kernel work for their sockets included."""

    workload: str
    clients: int
    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int
    errors_by_kind: dict[str, int]
    first_wrong_answer: str
    cpu_ms: float
    # Cores kept busy, on average, by each part; `others` is everything else on the machine.
    cores: dict[str, float]
    pss_mb: float
    db_connections: int
    db_samples: int
    idle_in_transaction: int
    samples_with_idle_in_transaction: int
    oldest_idle_in_transaction_ms: float
    upstream_connections_opened: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(stage: Stage, workload: Workload, access: Access, seconds: float) -> Result:
    """Warm up, then load and look."""
    request = workload.request(access)
    url = stage.gateway.url
    opened = upstream_stats(stage)["opened"]
    warm_up, _ = wrk.run(url, request, clients=workload.clients, seconds=WARM_UP_S, bodies=True)
    time.sleep(0.5)
    with watching(stage.database_url, stage.gateway_pid) as seen:
        before, began = cpu_by_process(stage), time.monotonic()
        load, wrk_cpu_s = wrk.run(
            url, request, clients=workload.clients, seconds=seconds, bodies=not workload.told_by_status
        )
        elapsed = time.monotonic() - began
        after = cpu_by_process(stage)
    used = {name: after[name] - before[name] for name in after} | {"wrk": wrk_cpu_s}
    used["others"] = max(0.0, used.pop("machine") - sum(used.values()))
    return Result(
        workload=workload.name,
        clients=workload.clients,
        requests=load.requests,
        rate=load.rate,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        max_ms=load.max_ms,
        errors=load.failed + warm_up.failed,
        errors_by_kind={kind: count + warm_up.errors[kind] for kind, count in load.errors.items()},
        first_wrong_answer=warm_up.sample or load.sample,
        cpu_ms=used["gateway"] * 1000 / max(1, load.requests),
        cores={name: round(spent / elapsed, 2) for name, spent in used.items()},
        pss_mb=seen.pss_mb,
        db_connections=seen.connections,
        db_samples=seen.samples,
        idle_in_transaction=seen.idle_in_transaction,
        samples_with_idle_in_transaction=seen.samples_with_idle_in_transaction,
        oldest_idle_in_transaction_ms=seen.oldest_idle_in_transaction_s * 1000,
        upstream_connections_opened=upstream_stats(stage)["opened"] - opened - 1,  # less the one that asks
    )


def idle_memory(stage: Stage) -> float:
    """PSS in MB of the whole gateway when it has nothing to do."""
    time.sleep(SETTLE_S)
    return pss_mb(stage.gateway_pid)


def cpu_by_process(stage: Stage) -> dict[str, float]:
    """Seconds so far, of the machine as a whole too."""
    return {
        "gateway": cpu_s(stage.gateway_pid),
        "upstream": cpu_s(stage.upstream_pid),
        "postgres": cpu_s(stage.postgres_pid),
        "machine": machine_cpu_s(),
    }


def upstream_stats(stage: Stage) -> dict[str, int]:
    """What the fake upstream has counted; asking opens one connection more."""
    with urllib.request.urlopen(f"{stage.upstream_url}/stats", timeout=5) as answer:  # noqa: S310 -- our own URL
        counts: dict[str, int] = json.load(answer)
    return counts
