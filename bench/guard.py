"""Measuring what the phase guard and the ledger cost, in a process of its own on the bench's PostgreSQL."""

import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import psycopg

from bench.stage import ROOT, CannotBench, Stage

DATABASE = "guard_cost"
MOST_PERCENT = 3.0


def guard_cost(stage: Stage) -> tuple[dict[str, dict[str, float]], list[str]]:
    """CPU of three requests with and without, and a sentence for each that costs more than the target."""
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
    figures: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return figures, [
        f"guard and ledger cost {figure['percent']} % of {name}, more than {MOST_PERCENT} %"
        for name, figure in figures.items()
        if figure["percent"] > MOST_PERCENT
    ]
