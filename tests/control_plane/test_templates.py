"""Rendering: one page at a time in a process, and none for ever behind another."""

import threading
from collections.abc import Iterator

import pytest
from django.template import Library, engines

from gatewaysite import templates

gate = threading.Event()
begun = threading.Event()
register = Library()


@register.simple_tag
def wait_for_the_gate() -> str:
    begun.set()
    gate.wait(10)
    return "through"


@pytest.fixture
def stuck() -> Iterator[threading.Thread]:
    """A page that is being rendered and does not come to its end."""
    gate.clear()
    begun.clear()
    engine = engines.all()[0]
    engine.engine.template_libraries["gates"] = register  # type: ignore[attr-defined]
    page = engine.from_string("{% load gates %}{% wait_for_the_gate %}")
    thread = threading.Thread(target=page.render, args=({},))
    thread.start()
    assert begun.wait(5)
    yield thread
    gate.set()
    thread.join()


def render() -> str:
    return str(engines.all()[0].from_string("{{ 1 }}").render({}))


def test_a_page_waits_for_the_one_before_it(stuck: threading.Thread) -> None:
    rendered: list[str] = []
    second = threading.Thread(target=lambda: rendered.append(render()))
    second.start()
    second.join(0.1)
    assert rendered == []
    gate.set()
    second.join(5)
    assert rendered == ["1"]


def test_but_not_for_ever(stuck: threading.Thread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "WAIT_FOR_TURN_S", 0.05)
    assert render() == "1"
    assert stuck.is_alive()
