"""The page of a proxy route: trying it, and its access log."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from proxy_app.dataplane.proxy.trial import Trial, TrialResult
from proxy_app.models import Call
from proxy_app.registry import pages
from tests.builders import a_route
from tests.pages.conftest import Visitor
from tests.pages.test_every_page import HOSTILE


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """Stands in for the data plane, which answers with what it should not have."""
    made: list[Trial] = []

    def stand_in(_actor: Any, _route_id: UUID, trial: Trial) -> TrialResult:
        made.append(trial)
        return TrialResult(404, headers=[("etag", HOSTILE)], body=HOSTILE.encode() + "é".encode()[:1], complete=False)

    monkeypatch.setattr(pages, "try_route", stand_in)
    return made


def test_trying_a_route_shows_the_answer_under_the_form(admin: Visitor, trials: list[Trial]) -> None:
    route = a_route("orders")
    form = {"method": "POST", "path": "orders?page=1", "content_type": "text/plain", "body": "a\r\nb"}
    page = admin.post(f"/admin/routes/{route.pk.hex}/try", form).content.decode()
    assert trials == [Trial("POST", "/orders?page=1", b"a\nb", "text/plain")]
    assert "Answered 404" in page
    assert "&lt;script&gt;alert(2)" in page
    assert "<script>alert" not in page
    assert 'value="orders?page=1"' in page
    assert admin.get(f"/admin/routes/{route.pk.hex}/try")["Location"] == f"/admin/routes/{route.pk.hex}"


def a_call(route_id: UUID, path: str, **values: Any) -> None:
    usual = {"at": datetime.now(UTC), "method": "GET", "outcome": "ok", "duration_ms": 1.5, "status": 200}
    Call.objects.create(route_id=route_id, path=path, **usual | values)


def test_the_log_shows_the_latest_requests_of_this_route_to_whom_they_concern(admin: Visitor, guest: Visitor) -> None:
    route = a_route("orders")
    a_call(route.pk, "/of-somebody", user_id=uuid4(), status=502, outcome="upstream_unreachable")
    a_call(route.pk, "/of-the-guest", user_id=guest.user.pk)
    a_call(uuid4(), "/of-another-route")
    everything = admin.text(f"/admin/routes/{route.pk.hex}")
    assert "/of-somebody" in everything
    assert "502 upstream unreachable" in everything
    assert "/of-another-route" not in everything
    own = guest.text(f"/admin/routes/{route.pk.hex}")
    assert "/of-the-guest" in own
    assert "/of-somebody" not in own


def test_a_route_that_is_switched_off_says_so_where_it_would_be_tried(admin: Visitor) -> None:
    route = a_route("orders", enabled=False)
    assert "This route is switched off." in admin.text(f"/admin/routes/{route.pk.hex}")
