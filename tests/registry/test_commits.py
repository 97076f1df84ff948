"""With real commits: what races decide, and that no request leaves a connection in its thread's hands."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection

from auth_app.actor import Actor
from auth_app.idempotency.keys import RequestKey
from auth_app.models import AuditEntry, KeptAnswer, Team
from auth_app.stamps import Stamp
from gatewaysite.db.units import return_leftovers
from gatewaysite.errors import Conflict
from proxy_app.models import Gateway, Server
from proxy_app.registry import work
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import GATEWAYS, SERVERS
from tests.builders import a_gateway, a_server, a_team, an_admin
from tests.registry.conftest import Caller, an_item, every_kind

pytestmark = pytest.mark.django_db(transaction=True)
STAMP = Stamp(email="admin@example.com")


def at_once(*calls: Any) -> list[Any]:
    """Run the calls in threads that start together; their results or the conflicts they ended in."""
    line = Barrier(len(calls))

    def run(call: Any) -> Any:
        line.wait(timeout=5)
        try:
            return call()
        except Conflict as error:
            return error.code
        finally:
            return_leftovers()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def an_actor() -> Actor:
    user = an_admin()
    return Actor(user.pk, user.email, is_admin=True)


@every_kind
def test_no_request_keeps_a_connection(kind: Kind) -> None:
    row, caller = an_item(kind.slug), Caller(an_admin())
    path = f"/{kind.slug}/{row.pk.hex}"
    for method, target, body in (
        ("GET", f"/{kind.slug}", b""),
        ("GET", path, b""),
        ("GET", f"{path}0", b""),
        ("PUT", path, b'{"description": "x"}'),
        ("PUT", path, b'{"visibility": "team"}'),
        ("POST", f"{path}/state?activate=false", b""),
        ("DELETE", path, b""),
    ):
        assert caller.send(method, target, body).status_code < 500
        assert connection.connection is None, (method, target)


def test_of_two_who_take_a_name_at_once_one_is_told() -> None:
    actor = an_actor()
    values = {"name": "same"}
    results = at_once(*[lambda: work.create_item(SERVERS, actor, values, STAMP)] * 4)
    assert sorted(result if isinstance(result, str) else "created" for result in results) == [
        "created",
        "name_taken",
        "name_taken",
        "name_taken",
    ]
    assert (Server.objects.count(), AuditEntry.objects.count()) == (1, 1)


def test_of_those_who_send_a_request_by_one_key_at_once_one_does_it_and_nobody_waits() -> None:
    actor = an_actor()
    asked = RequestKey(actor.user_id, "servers", "key", "the same")
    results = at_once(*[lambda: work.create_item(SERVERS, actor, {"name": "same"}, STAMP, asked=asked)["id"]] * 4)
    made = Server.objects.get().pk.hex
    assert {str(result).strip('"') for result in results} <= {made, "idempotency_key_in_use"}
    assert made in results
    assert (AuditEntry.objects.count(), KeptAnswer.objects.count()) == (1, 1)


def test_an_answer_that_could_not_be_kept_is_of_nothing_that_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(*_arguments: object) -> None:
        raise SystemExit

    actor = an_actor()
    monkeypatch.setattr(work, "keep_answer", dying)
    with pytest.raises(SystemExit):
        work.create_item(SERVERS, actor, {"name": "x"}, STAMP, asked=RequestKey(actor.user_id, "servers", "key", ""))
    assert (Server.objects.count(), KeptAnswer.objects.count()) == (0, 0)


def test_changes_made_at_once_are_all_counted() -> None:
    actor, row = an_actor(), a_server()
    at_once(
        *[
            lambda text=str(number): work.update_item(SERVERS, actor, row.pk.hex, {"description": text}, STAMP)
            for number in range(4)
        ]
    )
    row.refresh_from_db()
    assert row.version == 5


def test_a_team_that_is_deleted_before_the_commit_is_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL checks that the team is there when the unit commits, after every check of ours."""
    actor, team = an_actor(), a_team()

    def delete_team(*_args: object, **_named: object) -> None:
        (deleted,) = at_once(Team.objects.filter(pk=team.pk).delete)
        assert deleted[0] == 1

    monkeypatch.setattr(work, "record", delete_team)
    with pytest.raises(Conflict, match="deleted meanwhile"):
        work.create_item(SERVERS, actor, {"name": "s", "visibility": "team", "team_id": team.pk}, STAMP)
    assert (Server.objects.count(), connection.connection) == (0, None)


def test_what_fails_in_its_hooks_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_queue(gateway_id: object) -> bool:
        raise RuntimeError("no queue")

    monkeypatch.setattr("proxy_app.registry.kinds.gateways.defer_sync", no_queue)
    with pytest.raises(RuntimeError):
        work.create_item(GATEWAYS, an_actor(), {"name": "g", "url": "https://example.com/mcp"}, STAMP)
    assert (Gateway.objects.count(), AuditEntry.objects.count(), connection.connection) == (0, 0, None)


def test_a_constraint_nobody_thought_of_is_an_error_and_no_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_one(*_args: object, **_named: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE proxy_app_server SET visibility = 'team', team_id = NULL")

    monkeypatch.setattr(work, "record", break_one)
    with pytest.raises(IntegrityError):
        work.create_item(SERVERS, an_actor(), {"name": "s"}, STAMP)
    assert connection.connection is None


def test_items_are_counted_as_the_actor_sees_them() -> None:
    actor = an_actor()
    a_gateway(), a_gateway(enabled=False), a_gateway(visibility="private", owner=an_admin())
    found = work.counts(actor)
    assert found["gateways"] == {"total": 2, "enabled": 1}
    assert found["tools"] == {"total": 0, "enabled": 0}
    assert list(found) == ["servers", "tools", "resources", "prompts", "gateways", "agents", "routes"]
