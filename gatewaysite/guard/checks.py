"""The guard as a Django system check: `manage.py check`, or `manage.py check --tag guard` for nothing else.

Every management command runs the system checks first. A walk through the whole project takes seconds, and an entry of
the allowlist that expires must not keep a release from migrating, so of all commands only `check` itself walks.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

if TYPE_CHECKING:
    from .engine import Report

TAG = "guard"
COMMAND_LINES = frozenset({"manage.py", "django-admin", "__main__.py"})


@register(TAG)
def connection_discipline(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """guard.E001 to guard.E010 for the rules, guard.E100 for what could not be judged."""
    if runs_another_command(sys.argv):
        return []
    # Not above: a process that serves requests never needs it.
    from .config import BadConfig, load
    from .engine import check

    try:
        return messages(check(config=load(project_folder(sys.argv))))
    except (BadConfig, FileNotFoundError) as error:
        return [Error(str(error), id="guard.E100")]


def project_folder(argv: Sequence[str]) -> Path:
    """By the settings, or else where manage.py stands: a command may be started in any folder."""
    known = getattr(settings, "BASE_DIR", None)
    return Path(known or Path(argv[0] if argv else "").parent)


def runs_another_command(argv: Sequence[str]) -> bool:
    return bool(argv) and Path(argv[0]).name in COMMAND_LINES and list(argv[1:2]) != ["check"]


def messages(report: "Report") -> list[CheckMessage]:
    found: list[CheckMessage] = [
        Error(f"{one.file}:{one.line} {one.message}", hint=f"path: {one.route}", id=f"guard.E{int(one.rule[1:]):03}")
        for one in report.findings
    ]
    found += [Error(f"{one.file}:{one.line} is not read: {one.reason}", id="guard.E100") for one in report.unreadable]
    return [*found, *(Error(problem, id="guard.E100") for problem in report.problems)]
