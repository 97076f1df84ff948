"""Every check, asked of one installation."""

from gatewaysite.doctor.checks import CHECKS
from gatewaysite.doctor.findings import Finding, Level, NotSeen, Verdict, unknown
from gatewaysite.doctor.installation import Installation

# Checks that look at the settings and nothing else, so that a page can make them.
OF_SETTINGS = (
    "guard-mode", "run-dir", "debug", "secret-key", "encryption-keys", "first-admin", "db-password", "db-embedded",
    "allowed-hosts", "public-url", "cookies", "upstream-networks", "django",
)  # fmt: skip


def examine(installation: Installation) -> list[Finding]:
    """One finding for each check, in their order. A check that needs what could not be looked at says so."""
    verdicts = ((id, _ask(id, installation)) for id in CHECKS)
    return [Finding(id, verdict.level, verdict.seen, verdict.cure) for id, verdict in verdicts]


def examine_settings() -> list[Finding]:
    """What is wrong as far as the settings tell. It takes some milliseconds, and asks nobody."""
    unseen = NotSeen("Only the settings were looked at.")
    blind = Installation(outside_pool=0, server_seen=unseen, direct_seen=unseen, rehearsal_seen=unseen)
    verdicts = ((id, _ask(id, blind)) for id in OF_SETTINGS)
    bad = (Level.ERROR, Level.WARNING)
    return [Finding(id, one.level, one.seen, one.cure) for id, one in verdicts if one.level in bad]


def _ask(id: str, installation: Installation) -> Verdict:
    try:
        return CHECKS[id](installation)
    except NotSeen as reason:
        return unknown(f"Not looked at. {reason}")
