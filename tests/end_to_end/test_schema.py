"""What the gateway's own OpenAPI document promises, asked at random: no error of ours, no status it does not tell of.

A few requests of each operation, so that it stays short; `make schema` asks for longer.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.committed import database_url
from tests.gateway_process import GatewayProcess, serving

PROGRAM = Path(sys.executable).with_name("schemathesis")
# Whether what fits its schema is taken: names clash, ids are of nothing, and what is one field's business may not be
# another's. No schema says so.
NOT_CHECKED = "positive_data_acceptance"
EXAMPLES = 4
CONFIGURATION = Path(__file__).resolve().parents[2] / "schemathesis.toml"

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="schemathesis is not installed (requirements-dev.txt)")


@pytest.fixture
def own_gateway(db: None, tmp_path: Path) -> Iterator[GatewayProcess]:
    """Not the one that others ask: their log-ins would find their limits used up."""
    with serving(database_url(), tmp_path) as process:
        yield process


def test_no_operation_answers_what_the_document_does_not_tell(
    own_gateway: GatewayProcess, admin_token: str, tmp_path: Path
) -> None:
    command = [
        str(PROGRAM), "--config-file", str(CONFIGURATION),
        "run", f"{own_gateway.url}/openapi.json", "--header", f"Authorization: Bearer {admin_token}",
        "--checks", "all", "--exclude-checks", NOT_CHECKED, "--phases", "fuzzing", "--max-examples", str(EXAMPLES),
        "--continue-on-failure", "--request-timeout", "30", "--no-color", "--seed", "1", "--workers", "2",
        "--suppress-health-check", "all",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    assert "internal_error" not in own_gateway.said()
