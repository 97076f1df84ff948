"""The live state of this process, as plain data, read from memory only."""

import os
from typing import Any

from gatewaysite.db.units import pool_stats, unit_stats
from proxy_app.observe.recorder import recorder
from proxy_app.snapshot.keeper import keeper
from proxy_app.upstream.client import stats as upstream_stats


def process_state() -> dict[str, Any]:
    """What /health, the overview and the metrics show. Taking it borrows no connection and calls nobody."""
    return {
        "process": os.getpid(),
        "database": {"pool": pool_stats(), "units": unit_stats()},
        "upstream": upstream_stats(),
        "snapshot": snapshot_state(),
        "recorder": {
            "waiting": recorder.waiting,
            "written": recorder.written_total,
            "dropped": recorder.dropped_total,
        },
    }


def snapshot_state() -> dict[str, Any]:
    snapshot = keeper.snapshot
    return {
        "loaded": keeper.loaded,
        "listening": keeper.listening,
        "age_seconds": round(keeper.age_s, 3) if keeper.loaded else None,
        "access_version": snapshot.access.version,
        "registry_version": snapshot.registry.version,
        "tools_held": snapshot.registry.tools_held,
    }
