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
    ("db-budget", WARNING, "have 68 sessions", {"server": {"others": 68}}, {}),
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
    ("guard-mode", WARNING, "is off", {}, {"GUARD_MODE": "off"}),
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
    ("run-dir", WARNING, "may not write", {}, {"RUN_DIR": Path("/dev/null/run")}),
    ("run-dir", WARNING, "starts elsewhere", {}, {"RUN_DIR": Path(".data/run")}),
    ("debug", ERROR, "DEBUG is on", {}, {"DEBUG": True}),
    ("secret-key", ERROR, "7 characters", {}, {"SECRET_KEY": "nothing"}),
    ("secret-key", ERROR, "placeholder", {}, {"SECRET_KEY": "change-me-abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEF"}),
    ("secret-key", ERROR, "placeholder", {}, {"SECRET_KEY": "django-insecure-" + "abcdefghijklmnop" * 4}),
    ("encryption-keys", ERROR, "5 characters", {}, {"ENCRYPTION_KEYS": ["short", "k" * 43]}),
    ("encryption-keys", ERROR, "placeholder", {}, {"ENCRYPTION_KEYS": ["change-me-" * 5]}),
    ("encryption-keys", ERROR, "is empty", {}, {"ENCRYPTION_KEYS": []}),
    ("encryption-keys", WARNING, "begins with SECRET_KEY", {}, {"SECRET_KEY": "s" * 60, "ENCRYPTION_KEYS": ["s" * 60]}),
    (
        "sealed-keys",
        ERROR,
        "3 stored secrets under key 0badc0de, no longer",
        {"server": {"sealed": {"0badc0de": 3}}},
        {},
    ),
    ("sealed-keys", WARNING, "1 stored secret under a key that is not named", {"server": {"sealed": {"": 1}}}, {}),
    ("first-admin", WARNING, "ADMIN_PASSWORD still", {}, {"ADMIN_PASSWORD": "of the first day"}),
    ("first-admin", WARNING, "GATEWAY_BOOTSTRAP_TOKEN still", {}, {"GATEWAY_BOOTSTRAP_TOKEN": "t" * 32}),
    ("db-password", WARNING, "well-known", {}, {"database": {"PASSWORD": "poolgate"}}),
    ("db-password", WARNING, "well-known", {}, {"database": {"USER": "Ann", "PASSWORD": "ann"}}),
    ("db-embedded", WARNING, "pg_dump", {}, {"DATA_DIR": Path("/srv/here"), "database": {"HOST": "/srv/here/socket"}}),
    ("allowed-hosts", ERROR, "does not hold gateway.example.com", {}, {"ALLOWED_HOSTS": ["localhost"]}),
    ("allowed-hosts", ERROR, "holds *", {}, {"ALLOWED_HOSTS": ["*"]}),
    ("public-url", ERROR, "readable for everybody", {}, {"PUBLIC_URL": "http://gateway.example.com"}),
    ("public-url", ERROR, "is no address", {}, {"PUBLIC_URL": "gateway.example.com"}),
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
    ("proxy-answers", UNKNOWN, "redirects", {"front": {"livez": Answer(301, {})}}, {}),
    ("proxy-host", UNKNOWN, "redirects", {"front": {"login": Answer(302, {})}}, {}),
    ("proxy-host", ERROR, "none of ALLOWED_HOSTS", {"front": {"login": Answer(400, {})}}, {}),
    ("proxy-host", ERROR, "answers 503", {"front": {"login": Answer(503, {})}}, {}),
    ("proxy-buffering", UNKNOWN, "nginx/1.22", {"front": {"livez": Answer(200, {"server": "nginx/1.22"})}}, {}),
    ("proxy-buffering", UNKNOWN, "does not name itself", {}, {}),
    ("proxy-buffering", UNKNOWN, "redirects", {"front": {"livez": Answer(308, {"server": "nginx/1.22"})}}, {}),
    ("proxy-buffering", UNKNOWN, "1.1 Caddy", {"front": {"livez": Answer(200, {"via": "1.1 Caddy"})}}, {}),
]


def test_a_healthy_installation_gets_no_complaint() -> None:
    """Only what a proxy in front does with streams stays open."""
    found = findings()
    assert [id for id, finding in found.items() if finding.level is not OK] == ["proxy-buffering"]
    assert list(found) == list(CHECKS)
    assert [id for id, finding in found.items() if finding.cure] == ["proxy-buffering"]


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
        ("allowed-hosts", OK, {}),
        ("allowed-hosts", WARNING, {"ALLOWED_HOSTS": ["*"]}),
        ("guard-mode", OK, {"GUARD_MODE": "off"}),
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


KEY, ANOTHER = "0123456789abcdef" * 4, "fedcba9876543210" * 4


@pytest.mark.parametrize(
    ("id", "sick", "cured"),
    [
        # Both keys were one: the cure of the first says what to do about the second.
        (
            "secret-key",
            {"SECRET_KEY": "nothing", "ENCRYPTION_KEYS": ["nothing"]},
            {"SECRET_KEY": KEY, "ENCRYPTION_KEYS": [ANOTHER, "nothing"]},
        ),
        ("encryption-keys", {"ENCRYPTION_KEYS": ["short"]}, {"ENCRYPTION_KEYS": [ANOTHER, "short"]}),
        (
            "encryption-keys",
            {"SECRET_KEY": KEY, "ENCRYPTION_KEYS": [KEY]},
            {"SECRET_KEY": KEY, "ENCRYPTION_KEYS": [ANOTHER, KEY]},
        ),
    ],
)
def test_the_cure_of_a_key_cures(id: str, sick: dict[str, Any], cured: dict[str, Any], configure: Configure) -> None:
    """With the old key still there, which opens what it sealed; and when that is gone."""
    configure(**sick)
    finding = findings()[id]
    assert finding.level is not OK
    assert "Set ENCRYPTION_KEYS to another new key, a comma and the present" in finding.cure
    for keys in (cured["ENCRYPTION_KEYS"], cured["ENCRYPTION_KEYS"][:1]):
        configure(**cured | {"ENCRYPTION_KEYS": keys})
        assert [findings()[key].level for key in ("secret-key", "encryption-keys")] == [OK, OK]


def test_a_secret_key_that_does_not_seal_is_replaced_without_a_word_of_other_keys(configure: Configure) -> None:
    configure(SECRET_KEY="nothing", ENCRYPTION_KEYS=[ANOTHER, "nothing"])
    assert "ENCRYPTION_KEYS" not in findings()["secret-key"].cure


SWALLOWED = with_settings(lock_timeout="0")


@pytest.mark.parametrize(
    ("route", "options", "culprit"),
    [
        (Route.SESSION_POOLER, "", "A pooler drops them. Set them on the role: ALTER ROLE poolgate SET lock_timeout"),
        (Route.STRAIGHT, "-c lock_timeout=9", "`options` of DATABASE_URL in settings.py"),
        (Route.STRAIGHT, "-c lock_timeout=2000", "after log-in"),
    ],
)
def test_a_belt_that_is_not_in_force_is_blamed_on_who_took_it(
    route: Route, options: str, culprit: str, configure: Configure
) -> None:
    configure(database={"options": options})
    assert culprit in findings(server=SWALLOWED | {"route": route})["db-belts"].cure


def test_whoever_is_sent_to_https_is_told_so() -> None:
    redirect = {"livez": Answer(301, {}), "login": Answer(301, {})}
    found = findings(front=redirect | {"url": "http://gateway.example.com"})
    assert {found[id].cure for id in CHECKS if id.startswith("proxy-")} == {"Give --url its https address."}
    assert "behind" in findings(front=redirect)["proxy-answers"].cure


def test_an_address_without_tls_may_be_the_gateways_own(configure: Configure) -> None:
    configure(PUBLIC_URL="http://gateway.example.com")
    assert findings(front={"url": "http://gateway.example.com"})["proxy-buffering"].level is OK


def test_a_folder_that_is_made_at_the_start_is_judged_by_the_one_above(configure: Configure, tmp_path: Path) -> None:
    configure(RUN_DIR=tmp_path / "not" / "yet")
    assert findings()["run-dir"].level is OK
    assert list(tmp_path.iterdir()) == []


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
