"""The pages of agents: registering one, what its card says, telling it something, and what goes with it."""

from typing import Any
from uuid import UUID

import pytest

from proxy_app.dataplane.call import PageCallResult
from proxy_app.models import Agent, Tool
from proxy_app.registry import pages
from tests.builders import a_server, an_agent
from tests.pages.conftest import Visitor
from tests.pages.test_every_page import HOSTILE
from tests.scripted_a2a import SKILL

FORM = {"name": "Helper", "endpoint_url": "https://agent.example.com", "protocol_version": "0.3",
        "agent_type": "generic",
        "auth_type": "bearer", "auth_token": "s3cr3t", "visibility": "public", "tags": "a, b"}  # fmt: skip


def test_an_agent_is_added_by_its_form_and_leads_to_its_page(admin: Visitor) -> None:
    answer = admin.post("/admin/agents/new", FORM)
    assert answer.status_code == 303
    agent = Agent.objects.get()
    assert (agent.endpoint_url, agent.protocol_version, agent.auth_type) == (FORM["endpoint_url"], "0.3", "bearer")
    page = admin.text(answer["Location"])
    assert "Registering" in page
    assert "/progress" in page
    assert "s3cr3t" not in page
    assert ">a2a-helper</a>" in page


def test_what_is_wrong_stands_at_its_field(admin: Visitor) -> None:
    answer = admin.post("/admin/agents/new", FORM | {"endpoint_url": "http://10.0.0.1"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.count('aria-invalid="true"') == 1
    assert 'value="http://10.0.0.1"' in page


def test_editing_keeps_the_credential_and_what_the_form_does_not_ask(admin: Visitor) -> None:
    agent = an_agent("helper", auth_type="bearer", sealed_headers="x", capabilities={"a": 1}, config={"b": 2})
    page = admin.text(f"/admin/agents/{agent.pk.hex}/edit")
    assert '<option value="keep" selected>' in page
    form = FORM | {"auth_type": "keep", "endpoint_url": agent.endpoint_url, "protocol_version": "1.0"}
    del form["auth_token"]
    assert admin.post(f"/admin/agents/{agent.pk.hex}/edit", form).status_code == 303
    agent.refresh_from_db()
    assert (agent.name, agent.sealed_headers, agent.capabilities, agent.config) == ("Helper", "x", {"a": 1}, {"b": 2})
    assert agent.status == "active"


def test_the_page_shows_what_the_card_says_and_how_to_invoke_it(admin: Visitor) -> None:
    card = {"url": "https://x", "name": "Calls itself so", "version": "7", "provider": "Example", "skills": [SKILL]}
    agent = an_agent("helper", card=card, capabilities={"streaming": True, "pushNotifications": False})
    page = admin.text(f"/admin/agents/{agent.pk.hex}")
    for text in ("Calls itself so 7", "Example", "Adds numbers up", "/a2a/helper/invoke", "streaming"):
        assert text in page, text
    assert "pushNotifications" not in page


def test_an_agent_without_a_card_is_no_trouble(admin: Visitor) -> None:
    agent = an_agent("helper", status_message="It has no card.")
    page = admin.text(f"/admin/agents/{agent.pk.hex}")
    assert "It has no card." in page
    assert "notice bad" not in page


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the data plane, which answers with what it should not have."""
    texts: list[str] = []

    def stand_in(_actor: Any, _agent_id: UUID, text: str) -> PageCallResult:
        texts.append(text)
        return PageCallResult(ok=True, content=[{"type": "text", "text": HOSTILE}], raw=HOSTILE)

    monkeypatch.setattr(pages, "tell_agent", stand_in)
    return texts


def test_telling_an_agent_something_shows_its_answer_under_the_form(admin: Visitor, told: list[str]) -> None:
    agent = an_agent("helper")
    page = admin.post(f"/admin/agents/{agent.pk.hex}/tell", {"query": "a\r\nb "}).content.decode()
    assert told == ["a\nb"]
    assert "&lt;script&gt;alert(2)" in page
    assert "<script>alert" not in page
    assert ">\na\nb</textarea>" in page
    assert admin.get(f"/admin/agents/{agent.pk.hex}/tell")["Location"] == f"/admin/agents/{agent.pk.hex}"


def test_one_that_is_switched_off_says_why_it_cannot_be_told_anything(admin: Visitor) -> None:
    agent = an_agent("helper", enabled=False)
    assert "This agent is switched off." in admin.text(f"/admin/agents/{agent.pk.hex}")


def test_asking_it_again_leads_to_its_page_which_watches(admin: Visitor) -> None:
    agent = an_agent("helper")
    answer = admin.post(f"/admin/agents/{agent.pk.hex}/refresh")
    assert answer["Location"] == f"/admin/agents/{agent.pk.hex}?after=0"
    assert 'hx-get="/admin/agents/' in admin.text(answer["Location"])
    box = admin.get(f"/admin/agents/{agent.pk.hex}/progress", **{"HX-Request": "true"})
    assert box["HX-Refresh"] == "true"
    assert admin.text(f"/admin/agents/{agent.pk.hex}/progress?cell").startswith('<span class="state ok"')


def test_deleting_names_the_tool_and_the_servers_it_leaves(admin: Visitor) -> None:
    agent = an_agent("helper")
    a_server("desk", tools=(Tool.objects.get(),))
    page = admin.text(f"/admin/agents/{agent.pk.hex}/delete")
    assert "Its tool a2a-helper goes with it." in page
    assert "1 server offers it to clients: desk." in page
    assert admin.post(f"/admin/agents/{agent.pk.hex}/delete").status_code == 303
    assert not Tool.objects.exists()


def test_a_tool_that_stands_for_an_agent_leads_to_it(admin: Visitor) -> None:
    agent = an_agent("helper")
    page = admin.text(f"/admin/tools/{Tool.objects.get().pk.hex}")
    assert f'href="/admin/agents/{agent.pk.hex}"' in page
