"""Loaded by pytest before anything else: sees to it that there is a PostgreSQL when Django's settings are read."""

import os
import resource
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gatewaysite.embedded import serve_spare

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
# Tests that share what is dear to start: a gateway, a browser, a database that stops. All others go file by file.
TOGETHER = ("tests/end_to_end/test_outage.py", "tests/end_to_end/", "tests/browser/")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start one for this run unless DATABASE_URL names one; workers of pytest-xdist find it already named."""
    os.environ.setdefault("SECRET_KEY", "only-for-tests")
    os.environ.setdefault("GUARD_MODE", "raise")
    # A thousand streams have two sockets each here.
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if os.environ.get("DATABASE_URL"):
        return
    folders = Path(os.environ.get("DATA_DIR") or ROOT / ".data")
    server = ExitStack()
    os.environ["DATABASE_URL"] = server.enter_context(serve_spare(folders, "test-"))
    early_config.add_cleanup(server.close)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    """Each file, and what belongs together, on one worker of pytest-xdist, whose own groups pytest 9 does not see."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((together for together in TOGETHER if file.startswith(together)), file)

    return ByFile(config, log)
