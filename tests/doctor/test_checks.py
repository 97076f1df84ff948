"""Every check has something it complains of, and leaves a healthy installation alone."""

from pathlib import Path
from typing import Any

import pytest

from gatewaysite.doctor.checks import CHECKS
from gatewaysite.doctor.findings import Level, NotSeen
from gatewaysite.doctor.installation import Answer, Route
from tests.doctor.conftest import Configure
from tests.doctor.installations import findings, with_settings

pytestmark = pytest.mark.usefixtures("production")

ERROR, WARNING, UNKNOWN, OK = Level
NOWHERE = NotSeen("The database does not answer.", "connection refused", "Start it.")
POOLER = {"route": Route.TRANSACTION_POOLER}

# The check, what it says, a word of it, and what is wrong: with the facts, or with the settings.
type Case = tuple[str, Level, str, dict[str, Any], dict[str, Any]]
CASES: list[Case] = [
    ("db-answers", ERROR, "connection refused", {"server": NOWHERE}, {}),
    ("db-version", ERROR, "14 is older than 15", {"server": {"version": 14}}, {}),
    ("db-encoding", ERROR, "SQL_ASCII", {"server": with_settings(server_encoding="SQL_ASCII")}, {}),
    ("db-writable", ERROR, "standby", {"server": {"is_standby": True}}, {}),
    ("db-writable", ERROR, "read-only", {"server": with_settings(default_transaction_read_only="on")}, {}),
    ("db-schema", ERROR, "a.1, a.2, a.3 and 1 more", {"server": {"unapplied": ("a.1", "a.2", "a.3", "a.4")}}, {}),
    ("db-schema", WARNING, "newer than this code", {"server": {"unknown": ("a.9",)}}, {}),
    ("db-clock", WARNING, "3.0 s ahead", {"server": {"clock_ahead_s": 3.0}}, {}),
    ("db-clock", ERROR, "31.0 s behind", {"server": {"clock_ahead_s": -31.0}}, {}),
    ("db-budget", ERROR, "more than 77", {"replicas": 3}, {}),
    ("db-engine", ERROR, "backends.postgresql", {}, {"database": {"ENGINE": "django.db.backends.postgresql"}}),
    ("db-conn-max-age", ERROR, "is 60", {}, {"database": {"CONN_MAX_AGE": 60}}),
    ("db-conn-max-age", ERROR, "is None", {}, {"database": {"CONN_MAX_AGE": None}}),
    ("db-atomic-requests", ERROR, "is on", {}, {"database": {"ATOMIC_REQUESTS": True}}),
    ("db-pool", ERROR, "No pool", {}, {"database": {"pool": None}}),
    ("db-pool", ERROR, "DB_POOL_MAX_WAITING is 0", {}, {"pool": {"max_waiting": 0}}),
    ("db-pool", ERROR, "DB_POOL_MIN is 11", {}, {"pool": {"min_size": 11}}),
    ("db-keepalive", ERROR, "tcp_user_timeout is not set", {}, {"database": {"tcp_user_timeout": 0}}),
    ("db-belts", ERROR, "lock_timeout is 0 s instead of 2 s", {"server": with_settings(lock_timeout="0")}, {}),
    ("db-belts", WARNING, "DB_STATEMENT_TIMEOUT is 0", {}, {"DB_STATEMENT_TIMEOUT": 0.0}),
    ("db-belts", WARNING, "called 'psql'", {"server": with_settings(application_name="psql")}, {}),
    ("db-pooler", ERROR, "LISTEN hears nothing", {"direct": POOLER}, {}),
    ("db-prepared", UNKNOWN, "cannot be seen", {"server": POOLER}, {"DB_PREPARED_STATEMENTS": True}),
    ("db-listen", ERROR, "is not heard", {"direct": {"heard_after_s": None}}, {}),
    ("db-listen", ERROR, "connection refused", {"direct": NOWHERE}, {}),
    ("db-idle-session", WARNING, "rest for 60 s", {"direct": {"idle_session_timeout_ms": 60_000}}, {}),
    ("db-idle-session", WARNING, "rest for 60 s", {"server": with_settings(idle_session_timeout="60000")}, {}),
    ("process-server", ERROR, "gthread", {"rehearsal": {"worker_class": "gthread"}}, {}),
    ("process-server", ERROR, "'auto'", {"rehearsal": {"lifespan": "auto"}}, {}),
    ("process-server", ERROR, "cannot be loaded: no", {"rehearsal": NotSeen("The gateway ...", "no", "Mend it.")}, {}),
    ("process-fork", ERROR, "preload_app is on", {"rehearsal": {"preload_app": True}}, {}),
    ("process-fork", ERROR, "1 socket and threads (early)", {"rehearsal": {"sockets": 1, "threads": ("early",)}}, {}),
    ("process-fork", ERROR, "event loops (Loop)", {"rehearsal": {"loops": ("Loop",)}}, {}),
    ("process-descriptors", WARNING, "809 for clients", {"rehearsal": {"descriptors": 1024}}, {}),
    ("process-descriptors", ERROR, "0 for clients", {"rehearsal": {"descriptors": 100}}, {}),
    ("process-metrics", ERROR, "names no folder", {"rehearsal": {"metrics": "broken"}}, {}),
    ("process-metrics", WARNING, "of the 2 workers", {"rehearsal": {"metrics": "off"}}, {}),
    ("debug", ERROR, "DEBUG is on", {}, {"DEBUG": True}),
    ("secret-key", ERROR, "7 characters", {}, {"SECRET_KEY": "nothing"}),
    ("secret-key", ERROR, "placeholder", {}, {"SECRET_KEY": "change-me-abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEF"}),
    ("secret-key", ERROR, "placeholder", {}, {"SECRET_KEY": "django-insecure-" + "abcdefghijklmnop" * 4}),
    ("encryption-keys", ERROR, "5 characters", {}, {"ENCRYPTION_KEYS": ["k" * 43, "short"]}),
    ("encryption-keys", WARNING, "holds SECRET_KEY", {}, {"SECRET_KEY": "s" * 60, "ENCRYPTION_KEYS": ["s" * 60]}),
    ("first-admin", WARNING, "ADMIN_PASSWORD still", {}, {"ADMIN_PASSWORD": "of the first day"}),
    ("first-admin", WARNING, "GATEWAY_BOOTSTRAP_TOKEN still", {}, {"GATEWAY_BOOTSTRAP_TOKEN": "t" * 32}),
    ("db-password", WARNING, "well-known", {}, {"database": {"PASSWORD": "poolgate"}}),
    ("db-password", WARNING, "well-known", {}, {"database": {"USER": "Ann", "PASSWORD": "ann"}}),
    ("db-embedded", WARNING, "pg_dump", {}, {"DATA_DIR": Path("/srv/here"), "database": {"HOST": "/srv/here/socket"}}),
    ("allowed-hosts", ERROR, "does not hold gateway.example.com", {}, {"ALLOWED_HOSTS": ["localhost"]}),
    ("allowed-hosts", ERROR, "holds *", {}, {"ALLOWED_HOSTS": ["*"]}),
    ("public-url", ERROR, "readable for everybody", {}, {"PUBLIC_URL": "http://gateway.example.com"}),
    ("public-url", ERROR, "is no address", {}, {"PUBLIC_URL": "gateway.example.com"}),
    ("cookies", ERROR, "SESSION_COOKIE_SECURE", {}, {"SESSION_COOKIE_SECURE": False}),
    ("cookies", ERROR, "HTTPONLY", {}, {"SESSION_COOKIE_HTTPONLY": False}),
    ("upstream-networks", ERROR, "0.0.0.0/0", {}, {"UPSTREAM_ALLOWED_NETWORKS": ["0.0.0.0/0"]}),
    ("upstream-networks", WARNING, "127.0.0.0/8", {}, {"UPSTREAM_ALLOWED_NETWORKS": ["127.0.0.0/8"]}),
    ("upstream-networks", WARNING, "169.254.0.0/16", {}, {"UPSTREAM_ALLOWED_NETWORKS": ["169.254.0.0/16"]}),
    ("upstream-networks", ERROR, "something else", {}, {"UPSTREAM_ALLOWED_NETWORKS": ["10.0.0.1/8"]}),
    ("django", WARNING, "security.W006", {}, {"SECURE_CONTENT_TYPE_NOSNIFF": False}),
    ("proxy-answers", UNKNOWN, "Not looked at from outside", {"front": None}, {}),
    ("proxy-answers", ERROR, "answers 502", {"front": {"livez": Answer(502, {})}}, {}),
    ("proxy-answers", WARNING, "links are built with", {"front": {"url": "https://other.example.com"}}, {}),
    ("proxy-answers", ERROR, "timed out", {"front": NotSeen("It does not answer.", "timed out", "Mend it.")}, {}),
    ("proxy-host", ERROR, "none of ALLOWED_HOSTS", {"front": {"login": Answer(400, {})}}, {}),
    ("proxy-host", ERROR, "answers 503", {"front": {"login": Answer(503, {})}}, {}),
    ("proxy-buffering", UNKNOWN, "nginx/1.22", {"front": {"livez": Answer(200, {"server": "nginx/1.22"})}}, {}),
    ("proxy-buffering", UNKNOWN, "1.1 Caddy", {"front": {"livez": Answer(200, {"via": "1.1 Caddy"})}}, {}),
]


def test_a_healthy_installation_gets_no_complaint() -> None:
    found = findings()
    assert {id: finding for id, finding in found.items() if finding.level is not OK} == {}
    assert list(found) == list(CHECKS)
    assert not any(finding.cure for finding in found.values())


def test_every_check_has_a_case_here() -> None:
    assert {id for id, *_ in CASES} == set(CHECKS)


def test_the_operators_page_names_every_check() -> None:
    paper = (Path(__file__).resolve().parent.parent.parent / "docs" / "operations.md").read_text()
    assert [id for id in CHECKS if f"`{id}`" not in paper] == []


@pytest.mark.parametrize(("id", "level", "says", "facts", "wrong"), CASES)
def test_a_check_says_what_is_wrong_and_the_cure(
    id: str, level: Level, says: str, facts: dict[str, Any], wrong: dict[str, Any], configure: Configure
) -> None:
    configure(**wrong)
    finding = findings(**facts)[id]
    assert (finding.level, says in finding.seen) == (level, True), finding
    assert finding.cure
    assert finding.seen.endswith(".")
    assert finding.cure.endswith((".", ";", ")")), finding.cure


@pytest.mark.parametrize(
    ("id", "level", "wrong"),
    [
        ("debug", WARNING, {"DEBUG": True}),
        ("secret-key", WARNING, {"SECRET_KEY": "nothing"}),
        ("encryption-keys", OK, {"SECRET_KEY": "s" * 60, "ENCRYPTION_KEYS": ["s" * 60]}),
        ("first-admin", OK, {"ADMIN_PASSWORD": "of the first day"}),
        ("db-password", OK, {"database": {"PASSWORD": "poolgate"}}),
        ("allowed-hosts", WARNING, {"ALLOWED_HOSTS": ["*"]}),
        ("public-url", OK, {}),
        ("upstream-networks", OK, {"UPSTREAM_ALLOWED_NETWORKS": ["127.0.0.0/8", "0.0.0.0/0"]}),
    ],
)
@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_what_only_this_machine_reaches_is_judged_mildly(
    id: str, level: Level, wrong: dict[str, Any], url: str, configure: Configure
) -> None:
    configure(PUBLIC_URL=url, **{"ALLOWED_HOSTS": ["127.0.0.1", "localhost", "[::1]"]} | wrong)
    assert findings(front=None)[id].level is level


def test_no_finding_repeats_a_secret(configure: Configure) -> None:
    """Whatever is wrong with them."""
    configure(
        SECRET_KEY="Zq9-one",
        ENCRYPTION_KEYS=["Zq9-two", "Zq9-one"],
        ADMIN_PASSWORD="Zq9-three",
        GATEWAY_BOOTSTRAP_TOKEN="Zq9-four",
        PUBLIC_URL="http://bob:Zq9-six@gateway.example.com",
        database={"PASSWORD": "Zq9-five", "USER": "bob"},
    )
    told = " ".join(f"{finding.seen} {finding.cure}" for finding in findings().values())
    assert "Zq9" not in told
    assert "//***@gateway.example.com" in told
