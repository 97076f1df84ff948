"""Imports that others see while they happen: in a job, and two at one time."""

import threading
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from proxy_app.models import Transfer
from proxy_app.transfer.tasks import import_configuration
from tests.builders import an_admin
from tests.committed import db
from tests.registry.conftest import Caller
from tests.transfer.conftest import a_document, actor_of, applied, done

__all__ = ["db"]

GATEWAY = {"name": "GitHub", "url": "https://mcp.github.example.com/mcp"}


@pytest.mark.anyio
async def test_many_items_are_left_to_a_job(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_app.transfer.api.AS_JOB_FROM", 2)

    def begin() -> Any:
        caller = Caller(an_admin("admin@example.com"))
        document = a_document(gateways=[GATEWAY], servers=[{"name": "dev"}])
        return caller, caller.post("/import", {"import_data": document})

    caller, answer = await sync_to_async(begin, thread_sensitive=False)()
    told = answer.json()
    assert (answer.status_code, told["status"]) == (202, "pending")
    await import_configuration(told["import_id"])
    ask = sync_to_async(lambda: caller.get(f"/import/status/{told['import_id']}").json(), thread_sensitive=False)
    status = await ask()
    assert (status["status"], status["progress"]["created"]) == ("completed", 2)
    row = await Transfer.objects.aget()
    assert row.sealed_document == ""
    await import_configuration(told["import_id"])  # a job that is run again finds it done


def test_of_two_imports_at_one_time_the_second_finds_it_done(db: None) -> None:
    admin = actor_of(an_admin("admin@example.com"))
    document = a_document(gateways=[GATEWAY], servers=[{"name": "dev"}])
    found: list[dict[str, int]] = []
    together = threading.Barrier(2)

    def go() -> None:
        together.wait()
        found.append(done(applied(admin, document)))
        connection.close()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=str) == [{"create": 2}, {"unchanged": 2}]
