"""A refresh on one worker while somebody approves on another: one after the other, and nothing unseen is taken."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection

from auth_app.actor import Actor
from auth_app.stamps import Stamp
from auth_app.users.work import load_actor
from proxy_app.drift import work
from proxy_app.drift.work import ChangeGone
from proxy_app.federation import taking
from proxy_app.models import Drift, Gateway, Tool
from tests.builders import a_gateway, an_admin
from tests.committed import db
from tests.drift.conftest import synced

__all__ = ["db"]

STAMP = Stamp(email="admin@example.com")


@pytest.fixture
def actor(db: None) -> Actor:
    admin = an_admin("admin@example.com")
    return load_actor(admin.pk, admin.email, is_admin=True)


@pytest.fixture
def gateway(db: None) -> Gateway:
    gateway = a_gateway("gw")
    synced(gateway, {"name": "echo", "description": "first"})
    synced(gateway, {"name": "echo", "description": "second"})
    return gateway


def in_a_thread(act: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """On a connection of its own; what it returned or raised."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(act())
        except Exception as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def test_an_approval_that_comes_during_a_refresh_waits_and_finds_its_change_gone(
    gateway: Gateway, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    [drift] = Drift.objects.all()
    inside, go_on = threading.Event(), threading.Event()
    act = taking._act

    def slowly(*args: Any) -> None:
        inside.set()
        assert go_on.wait(10)
        act(*args)

    monkeypatch.setattr(taking, "_act", slowly)
    refresh, _ = in_a_thread(lambda: synced(gateway, {"name": "echo", "description": "third"}))
    assert inside.wait(10)
    approval, outcome = in_a_thread(lambda: work.decide(actor, gateway.pk.hex, [drift.pk], STAMP, approve=True))
    approval.join(0.3)
    assert approval.is_alive()  # it waits for the gateway's row
    go_on.set()
    refresh.join(10)
    approval.join(10)
    assert isinstance(outcome[0], ChangeGone)
    tool = Tool.objects.get()
    assert (tool.held, tool.description) == ("changed", "first")
    assert Drift.objects.get().values["original_description"] == "third"


def test_a_refresh_that_comes_after_an_approval_finds_it_approved(gateway: Gateway, actor: Actor) -> None:
    [drift] = Drift.objects.all()
    work.decide(actor, gateway.pk.hex, [drift.pk], STAMP, approve=True)
    assert synced(gateway, {"name": "echo", "description": "second"}) == "unchanged"
    assert (Tool.objects.get().held, Tool.objects.get().description) == ("", "second")


def test_of_two_who_decide_the_second_is_told(gateway: Gateway, actor: Actor) -> None:
    [drift] = Drift.objects.all()
    pairs = [
        in_a_thread(partial(work.decide, actor, gateway.pk.hex, [drift.pk], STAMP, approve=approve))
        for approve in (True, False)
    ]
    for thread, _ in pairs:
        thread.join(10)
    outcomes = [outcome[0] for _, outcome in pairs]
    # Whoever approves may overrule a rejection, but not the other way round.
    assert sum(isinstance(outcome, ChangeGone) for outcome in outcomes) <= 1
    assert not isinstance(outcomes[0], Exception)
    assert Tool.objects.get().description == "second"


def test_a_refresh_that_fails_half_way_leaves_everything_as_it_was(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(Drift.objects.values_list("pk", "pin")), list(Tool.objects.values_list("held", "description", "pin"))

    def broken(*args: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(taking, "_drift", broken)
    with pytest.raises(RuntimeError):
        synced(gateway, {"name": "echo", "description": "third"}, "new")
    after = list(Drift.objects.values_list("pk", "pin")), list(Tool.objects.values_list("held", "description", "pin"))
    assert before == after
