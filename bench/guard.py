"""Measuring what the phase guard and the ledger cost, in a process of its own on the bench's PostgreSQL."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

import psycopg

from bench.measure import measure
from bench.stage import ROOT, CannotBench, Stage
from bench.workloads import WORKLOADS, Access

DATABASE = "guard_cost"
MOST_PERCENT = 3.0


# The workloads that serve what is compared.
SERVED = {"json-list": "json-list", "admin-page": "admin-page", "tool-call": "call-0ms"}
SERVED_S = 4.0


def guard_cost(stage: Stage, access: Access) -> tuple[dict[str, dict[str, float]], list[str]]:
    """What they add to three requests, of the CPU such a request takes when served; a sentence for each over target."""
    figures = _added(stage)
    for name, figure in figures.items():
        (workload,) = (one for one in WORKLOADS if one.name == SERVED[name])
        figure["served_us"] = round(measure(stage, workload, access, SERVED_S).cpu_ms * 1000, 1)
        figure["percent"] = round(figure["added_us"] / figure["served_us"] * 100, 2)
    return figures, [
        f"guard and ledger cost {figure['percent']} % of {name}, more than {MOST_PERCENT} %"
        for name, figure in figures.items()
        if figure["percent"] > MOST_PERCENT
    ]


def _added(stage: Stage) -> dict[str, dict[str, float]]:
    with psycopg.connect(stage.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    environment = os.environ | {
        "DATABASE_URL": urlsplit(stage.database_url)._replace(path=f"/{DATABASE}").geturl(),
        "SECRET_KEY": "bench",
        "DJANGO_SETTINGS_MODULE": "gatewaysite.settings",
        "GUARD_MODE": "count",
    }
    command = [sys.executable, "-m", "bench.guard_cost"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBench(f"measuring the guard failed:\n{done.stderr[-2000:]}")
    figures: dict[str, dict[str, float]] = json.loads(done.stdout)
    return figures
