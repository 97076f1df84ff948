"""`manage.py gateway attest` as it is used: 300 clients of all sorts, 120 of them waiting for an upstream of 5 s."""

import subprocess
import sys
import time
from collections.abc import Callable

from bench.measure import cpu_by_process
from bench.stage import ROOT, Stage
from bench.workloads import Access

SECONDS, CLIENTS = 60, 300


def attest(stage: Stage, access: Access, say: Callable[[str], None]) -> list[str]:
    """What was not attested, each as a sentence. Prints the report, and how busy the machine was meanwhile."""
    say(f"{CLIENTS} clients, watched for {SECONDS} s")
    slow, fast = access.tools["modern wait"], access.tools["modern echo"]
    load = ["--load", "mixed", "--clients", str(CLIENTS), "--url", stage.gateway.url, "--token", access.token]
    tools = ["--slow-tool", slow, "--slow-arguments", "{}", "--fast-tool", fast]
    before, began = cpu_by_process(stage), time.monotonic()
    command = [sys.executable, str(ROOT / "manage.py"), "gateway", "attest", "--seconds", str(SECONDS), *load, *tools]
    code = subprocess.run(command, cwd=ROOT, env=dict(stage.environment), check=False).returncode
    elapsed = time.monotonic() - began
    used = {name: spent - before[name] for name, spent in cpu_by_process(stage).items()}
    used["load and others"] = max(0.0, used.pop("machine") - sum(used.values()))
    print("cores: " + ", ".join(f"{name} {spent / elapsed:.2f}" for name, spent in used.items()))
    return [] if code == 0 else [f"the attestation ended with {code}"]
