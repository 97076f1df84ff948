"""Looking at the process: a rehearsal of a worker's start, in an interpreter of its own."""

import json
import subprocess
import sys
from collections.abc import Sequence

from django.conf import settings

from gatewaysite.doctor.findings import NotSeen
from gatewaysite.doctor.installation import Rehearsal
from gatewaysite.doctor.secrecy import quote

REHEARSED_WITHIN_S = 60.0


def rehearse(arguments: Sequence[str] = ()) -> Rehearsal | NotSeen:
    """With gunicorn.conf.py as the server reads it, and the environment of this command."""
    own = ["--config", str(settings.BASE_DIR / "gunicorn.conf.py")]
    command = [sys.executable, "-m", "gatewaysite.doctor.rehearsal", *own, *arguments]
    try:
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=REHEARSED_WITHIN_S
        )
    except subprocess.TimeoutExpired:
        return _failed(f"it took longer than {REHEARSED_WITHIN_S:.0f} s")
    if done.returncode:
        return _failed((done.stderr.strip() or "it said nothing").splitlines()[-1])
    last = (done.stdout.splitlines() or [""])[-1]
    try:
        facts = json.loads(last)
        return Rehearsal(**facts | {name: tuple(facts[name]) for name in ("threads", "loops")})
    except (ValueError, TypeError, KeyError):  # something loaded with the gateway has the last word
        return _failed(
            f"its last words were {last!r}, not what was seen", "Let nothing print when the gateway's process ends."
        )


def _failed(reason: str, cure: str = "Run `gunicorn --check-config` for the whole traceback.") -> NotSeen:
    return NotSeen("The gateway cannot be loaded.", quote(reason), cure)
