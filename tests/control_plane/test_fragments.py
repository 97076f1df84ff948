"""Parts of pages that are rendered once for the same data."""

from datetime import UTC, datetime, timedelta

import pytest

from gatewaysite import fragments
from gatewaysite.fragments import fragment

TIME, TEXT = "registry/cells/time.html", "registry/cells/text.html"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "_fragments", fragments._Fragments())


def test_the_same_data_is_rendered_once_and_other_data_by_itself() -> None:
    first = fragment(TEXT, {"value": "<one>"})
    assert fragment(TEXT, {"value": "<one>"}) is first
    assert "&lt;one&gt;" in first
    assert "two" in fragment(TEXT, {"value": "two"})
    assert fragment("registry/cells/code.html", {"value": "<one>"}) != first


def test_words_for_times_are_a_minute_old_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    at = now - timedelta(minutes=3)
    first = fragment(TIME, {"value": at})
    assert "3 minutes ago" in first

    monkeypatch.setattr("time.time", lambda: now.timestamp() + fragments.SECONDS)
    monkeypatch.setattr("gatewaysite.template_tags.timezone.now", lambda: now + timedelta(seconds=fragments.SECONDS))
    assert "4 minutes ago" in fragment(TIME, {"value": at})


def test_no_more_than_a_number_of_them_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "KEPT_AT_MOST", 3)
    for number in range(10):
        fragment(TEXT, {"value": number})
    assert len(fragments._fragments._made) <= 3
