"""Every check, asked of one installation."""

from gatewaysite.doctor.checks import CHECKS
from gatewaysite.doctor.findings import Finding, NotSeen, Verdict, unknown
from gatewaysite.doctor.installation import Installation


def examine(installation: Installation) -> list[Finding]:
    """One finding for each check, in their order. A check that needs what could not be looked at says so."""
    verdicts = ((id, _ask(id, installation)) for id in CHECKS)
    return [Finding(id, verdict.level, verdict.seen, verdict.cure) for id, verdict in verdicts]


def _ask(id: str, installation: Installation) -> Verdict:
    try:
        return CHECKS[id](installation)
    except NotSeen as reason:
        return unknown(f"Not looked at. {reason}")
