"""The audit: entries nobody edits, without secrets, for those who may know, as lists, pages and files of any length."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from auth_app.audit import exporting, work
from auth_app.audit.bodies import AuditData
from auth_app.models import ApiToken, AuditEntry, Membership, Role, RoleGrant, User
from auth_app.stamps import Stamp
from auth_app.tokens.work import write_uses
from proxy_app.registry.kinds import KINDS
from tests.builders import a_membership, a_team, a_token, a_tool, a_user, an_admin
from tests.pages.conftest import Visitor
from tests.registry.test_pooling import IDENTITY, NEW, SECRET

JSON = "application/json"
CHANGED: dict[str, Any] = {"description": "x"}
SECRETS = ["top-secret-token", "top-secret-password", "top-secret-header"]


def signed_in(user: User) -> Client:
    client = Client(REMOTE_ADDR="203.0.113.7")
    client.force_login(user)
    return client


@pytest.fixture
def admin(db: None) -> Client:
    return signed_in(an_admin("admin@example.com"))


def an_entry(actor: str = "ann@example.com", action: str = "tool.updated", **values: Any) -> AuditEntry:
    told = {"object_kind": "tools", "object_id": "a" * 32, "object_name": "search"} | values
    return AuditEntry.objects.create(actor_email=actor, action=action, **told)


def listed(client: Client, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get("/audit", asked)
    assert answer.status_code == 200, answer.content
    return answer.json()["entries"]


# --- Nobody edits ----------------------------------------------------------------------------------------------------

STATEMENTS = (
    "UPDATE auth_app_auditentry SET actor_email = 'nobody@example.com'",
    "DELETE FROM auth_app_auditentry",
    "TRUNCATE auth_app_auditentry",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_lets_nobody_change_or_delete_an_entry(db: None, statement: str) -> None:
    an_entry()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auth_app_auditentry ENABLE TRIGGER poolgate_audit_stays_whole")  # off in tests
        with pytest.raises(DatabaseError, match="neither changed nor deleted"), transaction.atomic():
            cursor.execute(statement)
    assert AuditEntry.objects.get().actor_email == "ann@example.com"


def test_old_entries_are_forgotten_by_one_way_that_leaves_an_entry_itself(db: None) -> None:
    now = timezone.now()
    an_entry(at=now - timedelta(days=400))
    young = an_entry(at=now - timedelta(days=10))
    assert work.forget(now - timedelta(days=365), Stamp(email="operator@example.com", via="command")) == 1
    left = list(AuditEntry.objects.order_by("id"))
    assert left[0].pk == young.pk
    assert (left[1].action, left[1].actor_email, left[1].changes["entries"]) == (
        "audit.forgotten", "operator@example.com", 1
    )  # fmt: skip
    assert work.forget(now - timedelta(days=365), Stamp(email="operator@example.com", via="command")) == 0
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.filter(pk=young.pk).delete()


def test_the_command_forgets_what_is_older_than_it_was_told(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    an_entry(at=timezone.now() - timedelta(days=400))
    an_entry()
    call_command("gateway", "forget-audit", "--older-than-days", "365")
    assert capsys.readouterr().out.startswith("audit: 1 entries from before ")
    assert AuditEntry.objects.count() == 2
    with pytest.raises(CommandError, match="30 days at least"):
        call_command("gateway", "forget-audit", "--older-than-days", "1")


# --- What is said ----------------------------------------------------------------------------------------------------


def test_no_secret_that_was_sent_is_in_any_entry(admin: Client) -> None:
    """Each kind, made, changed and deleted, with all the credentials it takes; and a token. A new kind needs a line."""
    credentials: list[dict[str, Any]] = [
        {"authType": "bearer", "authToken": SECRETS[0]},
        {"authType": "basic", "authUsername": "u", "authPassword": SECRETS[1]},
        {"authType": "authheaders", "authHeaders": [{"key": "x-key", "value": SECRETS[2]}]},
    ]
    sent: dict[str, list[dict[str, Any]]] = {
        "gateways": [NEW["gateways"] | IDENTITY, *credentials],
        "routes": [NEW["routes"] | IDENTITY, *credentials],
        "servers": [{"server": {"name": "s"}}, dict(CHANGED)],
        "tools": [{"tool": {"name": "t", "url": "https://api.example.com/x"}}, *credentials],
        "agents": [{"agent": {"name": "a", "endpoint_url": "https://agent.example.com/a2a"}}, *credentials],
        "resources": [{"resource": {"name": "r", "uri": "file:///r", "content": "x"}}, dict(CHANGED)],
        "prompts": [{"prompt": {"name": "p", "template": "x"}}, dict(CHANGED)],
    }
    for kind in KINDS:
        first, *others = sent[kind.slug]
        made = admin.post(f"/{kind.slug}", first, content_type=JSON).json()["id"]
        path = f"/{kind.slug}/{made}"
        answers = [*(admin.put(path, body, content_type=JSON) for body in others), admin.delete(path)]
        assert [answer.status_code for answer in answers] == [200] * len(answers), kind.slug
    made = admin.post("/tokens", {"name": "t"}, content_type=JSON).json()["access_token"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(entry::text, ' '), count(*) FROM auth_app_auditentry AS entry")
        text, count = cursor.fetchone()
    assert count == sum(len(bodies) + 1 for bodies in sent.values()) + 1
    for secret in (*SECRETS, made, SECRET):
        assert secret not in text


def test_every_change_says_what_was_before_and_after(admin: Client) -> None:
    tool = a_tool("echo")
    server = admin.post("/servers", {"server": {"name": "desk"}}, content_type=JSON).json()
    path = f"/servers/{server['id']}"
    admin.put(path, {"description": "new", "associatedTools": [tool.pk.hex]}, content_type=JSON)
    admin.delete(path)
    created, updated, deleted = (
        entry["changes"] for entry in reversed(listed(admin, kind="servers", object_id=server["id"]))
    )
    assert created["name"] == [None, "desk"]
    assert updated == {"description": [None, "new"], "associated_tools": [[], [tool.name]]}
    assert (deleted["name"], deleted["description"], deleted["associated_tools"]) == (
        ["desk", None], ["new", None], [[tool.name], None]
    )  # fmt: skip


def test_tokens_say_what_was_before_and_after(admin: Client) -> None:
    token = admin.post("/tokens", {"name": "t"}, content_type=JSON).json()["token"]
    admin.put(f"/tokens/{token['id']}", {"scope": {"permissions": ["tools.read"]}}, content_type=JSON)
    admin.delete(f"/tokens/{token['id']}")
    created, updated, revoked = (entry["changes"] for entry in reversed(listed(admin, kind="tokens")))
    assert created["name"] == [None, "t"]
    assert updated == {"permissions": [None, ["tools.read"]]}
    assert revoked["revoked"] == [False, True]


def test_a_tokens_first_use_and_each_new_address_are_entries(db: None) -> None:
    a_token(a_user("ann@example.com"), "mine")
    key = ApiToken.objects.get().pk
    at = datetime.now(UTC).timestamp()
    for seconds, ip in enumerate(["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2", None]):
        write_uses({key: (at + seconds, ip)})
    entries = AuditEntry.objects.filter(object_id=key.hex).order_by("id").values_list("action", "from_ip")
    assert list(entries) == [("token.first_used", "10.0.0.1"), ("token.used_from_new_address", "10.0.0.2")]


def test_an_event_is_an_entry_without_a_change(db: None) -> None:
    work.record_event(Stamp(email="ann@example.com", ip="10.0.0.1", via="ui"), "user.logged_in", kind="users", key="7")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_email, entry.changes) == ("user.logged_in", "ann@example.com", {})


# --- For whom --------------------------------------------------------------------------------------------------------


def test_who_reads_what(db: None) -> None:
    owner, member, outsider = a_user("owner@example.com"), a_user("member@example.com"), a_user("other@example.com")
    team = a_team("Blue", owner=owner, members=(member,))
    an_entry(object_name="of-blue", team_id=team.pk)
    an_entry(object_name="of-nobody")
    an_entry("member@example.com", object_name="of-member")
    auditor = a_user("auditor@example.com")
    RoleGrant.objects.create(user=auditor, role=Role.objects.get(name="platform_viewer"))
    seen = {user.email: {one["object_name"] for one in listed(signed_in(user))} for user in (owner, member, outsider)}
    assert seen == {
        "owner@example.com": {"of-blue"},
        "member@example.com": {"of-member"},
        "other@example.com": set(),
    }
    assert {one["object_name"] for one in listed(signed_in(auditor))} == {"of-blue", "of-nobody", "of-member"}
    assert listed(signed_in(auditor), mine=True) == []


def test_a_teams_item_is_the_teams_in_the_audit_and_a_private_one_is_not(db: None) -> None:
    owner = a_user("owner@example.com")
    member = a_user("member@example.com")
    team = a_team("Blue", owner=owner, members=(member,))
    client = signed_in(member)
    shared = {"server": {"name": "shared"}, "visibility": "team", "team_id": team.pk.hex}
    private = {"server": {"name": "hidden"}, "visibility": "private", "team_id": team.pk.hex}
    made = client.post("/servers", shared, content_type=JSON).json()
    assert client.post("/servers", private, content_type=JSON).status_code == 201
    client.put(f"/servers/{made['id']}", {"visibility": "private"}, content_type=JSON)
    client.put(f"/servers/{made['id']}", {"description": "mine now"}, content_type=JSON)
    seen = [(one["action"], one["object_name"]) for one in listed(signed_in(owner))]
    assert seen == [("server.updated", "shared"), ("server.created", "shared")]


def test_a_token_that_may_not_read_the_audit_does_not(db: None) -> None:
    secret = a_token(an_admin(), permissions=["tools.read"])
    answer = Client(headers={"Authorization": f"Bearer {secret}"}).get("/audit")
    assert (answer.status_code, "audit.read" in answer.json()["detail"]) == (403, True)


def test_somebody_elses_entry_looks_absent(db: None) -> None:
    entry, guest = an_entry(), Visitor(a_user())
    assert guest.get(f"/admin/audit/{entry.pk}").status_code == 404
    assert guest.get("/admin/audit/999999999").status_code == 404


# --- Lists -----------------------------------------------------------------------------------------------------------


def test_a_list_is_narrowed_by_what_is_asked(admin: Client) -> None:
    now = timezone.now()
    an_entry(at=now - timedelta(days=3), object_name="gw0-search", request_id="r-1")
    an_entry("bob.builder@example.com", "gateway.created", object_kind="gateways", object_id="b" * 32)
    asked: list[dict[str, Any]] = [
        {"actor": "bob.builder@example.com"},
        {"action": "gateway.created"},
        {"kind": "gateways"},
        {"kind": "gateways", "object_id": "b" * 32},
        {"since": (now - timedelta(days=1)).isoformat()},
        {"search": "builder gate"},
        {"search": "bob.builder"},
    ]
    for one in asked:
        assert [entry["actor"] for entry in listed(admin, **one)] == ["bob.builder@example.com"], one
    for one in ({"request_id": "r-1"}, {"until": (now - timedelta(days=1)).isoformat()}, {"search": "gw0 sear"}):
        assert [entry["object_name"] for entry in listed(admin, **one)] == ["gw0-search"], one
    assert listed(admin, search="'; DROP TABLE x & | ! ( :*") == []


@pytest.mark.parametrize(
    "query", ["since=yesterday", "limit=0", "limit=501", "order_by=changes", "search=a%00b", "team_id=x"]
)
def test_a_question_that_is_none_is_422(admin: Client, query: str) -> None:
    assert admin.get(f"/audit?{query}").status_code == 422


def test_pages_follow_one_another_without_gaps_also_in_one_instant(admin: Client) -> None:
    at = timezone.now()
    made = [an_entry(at=at, object_name=str(number)).pk for number in range(7)]
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        asked: dict[str, Any] = {"limit": 3, "cursor": cursor}
        answer = admin.get("/audit", asked).json()
        seen += [entry["id"] for entry in answer["entries"]]
        cursor = answer["nextCursor"]
    assert seen == sorted(made, reverse=True)
    assert admin.get("/audit?cursor=made-up").json()["code"] == "bad_cursor"


# --- Files -----------------------------------------------------------------------------------------------------------

HOSTILE = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\tx", "\rx", 'a"b', 'x\n{"admin":true}', "a,b", "\u2028"]


def lines_of(answer: Any) -> list[str]:
    return b"".join(answer.streaming_content).decode().split("\r\n" if "csv" in answer["Content-Type"] else "\n")


def test_a_file_has_one_line_for_each_entry_and_no_formula(admin: Client) -> None:
    for name in HOSTILE:
        an_entry(object_name=name)
    answer = admin.get("/audit/export?format=csv&kind=tools")
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-')
    assert (answer["X-Content-Type-Options"], answer["Content-Type"]) == ("nosniff", "text/csv; charset=utf-8")
    lines = lines_of(answer)
    assert len(lines) == len(HOSTILE) + 2  # a head, and nothing after the last line end
    rows = list(csv.DictReader(io.StringIO("\r\n".join(lines))))
    assert {tuple(row) for row in rows} == {tuple(AuditData.__annotations__)}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(exporting.FORMULA)]
    answer = admin.get("/audit/export?kind=tools")
    assert answer["Content-Type"] == "application/x-ndjson"
    *lines, last = lines_of(answer)
    assert (last, {json.loads(line)["object_name"] for line in lines}) == ("", set(HOSTILE))


def test_a_file_is_read_in_batches_that_hold_nothing_between_them(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "BATCH", 10)
    AuditEntry.objects.bulk_create(
        AuditEntry(actor_email="a@example.com", action="tool.updated", object_kind="tools", object_name=str(number))
        for number in range(35)
    )
    answer: Any = admin.get("/audit/export?kind=tools")
    chunks = list(answer.streaming_content)
    assert [chunk.count(b"\n") for chunk in chunks] == [0, 10, 10, 10, 5]


def test_who_takes_the_audit_is_in_it(admin: Client) -> None:
    lines_of(admin.get("/audit/export?format=csv&kind=tools"))
    entry = AuditEntry.objects.get(action="audit.exported")
    assert (entry.actor_email, entry.changes["format"], entry.changes["kind"]) == ("admin@example.com", "csv", "tools")


def test_a_person_takes_no_more_than_they_may_read(db: None) -> None:
    an_entry()
    an_entry("me@example.com")
    answer = signed_in(a_user("me@example.com")).get("/audit/export")
    *lines, _end = lines_of(answer)
    assert {json.loads(line)["actor"] for line in lines} == {"me@example.com"}


# --- Pages -----------------------------------------------------------------------------------------------------------


def test_the_page_lists_searches_and_shows_what_was_before_and_after(db: None) -> None:
    team = a_team("Blue", owner=(owner := a_user("owner@example.com")))
    a_membership(team, a_user(), Membership.Role.VIEWER)
    entry = an_entry(team_id=team.pk, changes={"description": ["old words", "new words"], "tags": [["a"], ["a", "b"]]})
    page = Visitor(owner)
    assert f"/admin/audit/{entry.pk}" in page.text("/admin/audit?search=ann&kind=tools&since=")
    assert "No entry matches" in page.text("/admin/audit?search=nobody")
    assert "No entry matches" in page.text("/admin/audit?mine")
    one = page.text(f"/admin/audit/{entry.pk}")
    for text in ("<del>old words</del>", "<ins>new words</ins>", "<del>a</del>", "<ins>a, b</ins>"):
        assert text in one
    assert f"/admin/tools/{'a' * 32}" in one


def test_the_page_costs_as_many_queries_for_one_entry_as_for_fifty(db: None) -> None:
    admin, counts = Visitor(an_admin()), []
    for number in (1, 49):
        for _ in range(number):
            an_entry(object_id=uuid4().hex)
        with CaptureQueriesContext(connection) as queries:
            assert admin.text("/admin/audit").count("<tr>") in (2, 51)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_entry_leads_to_the_page_of_what_it_is_about(admin: Client) -> None:
    team, person, role = a_team("Blue"), a_user("ann@example.com"), Role.objects.create(name="own", scope="global")
    for kind, row, page in (("teams", team, "teams"), ("users", person, "users"), ("roles", role, "roles")):
        an_entry(object_kind=kind, object_id=row.pk.hex, object_name=str(row))
        assert f'href="/admin/{page}/{row.pk.hex}"' in admin.get("/admin/audit", {"kind": kind}).content.decode()


def test_a_list_of_two_is_not_taken_for_before_and_after(admin: Client) -> None:
    body = {"name": "own", "scope": "global", "permissions": ["tools.read", "tools.execute"]}
    assert admin.post("/rbac/roles", body, content_type=JSON).status_code == 201

    (entry,) = listed(admin, action="role.created")
    page = admin.get(f"/admin/audit/{entry['id']}").content.decode()

    assert entry["changes"]["permissions"] == [None, body["permissions"]]
    assert "tools.read, tools.execute" in page
