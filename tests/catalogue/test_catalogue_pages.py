"""The catalogue's pages: cards that can be narrowed, one click for what is open, and a form for what others need."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from auth_app.models import AuditEntry
from proxy_app.catalogue import book
from proxy_app.models import Gateway, RegistryReading
from tests.builders import a_gateway, a_membership, a_team
from tests.pages.conftest import Visitor

URL = "https://registry.example.com/v0.1/servers"
HOSTILE = "<img src=x onerror=alert(1)>{{ 7|add:7 }}"


def cards(page: str) -> list[str]:
    return re.findall(r'<li class="box card">.*?<h2><a href="[^"]*">([^<]*)', page, re.S)


def test_every_server_is_a_card_and_a_search_narrows_them(guest: Visitor) -> None:
    everything = cards(guest.text("/admin/catalogue"))
    assert len(everything) >= 40
    assert cards(guest.text("/admin/catalogue?search=deepwiki")) == ["DeepWiki"]
    assert cards(guest.text("/admin/catalogue?provider=GitHub&search=")) == ["GitHub"]
    assert "No servers match" in guest.text("/admin/catalogue?search=nothing-like-it")


def test_a_chip_leads_to_the_page_with_it_and_back(guest: Visitor) -> None:
    page = guest.text("/admin/catalogue?search=postgresql")
    (chip,) = re.findall(r'href="(\?[^"]*category=Databases)"', page)

    narrowed = guest.text(f"/admin/catalogue{chip.replace('&amp;', '&')}")

    assert "Neon" in cards(narrowed)
    assert re.search(r'href="\?search=postgresql" aria-current="true">Databases', narrowed)


def test_htmx_is_given_the_cards_alone(guest: Visitor) -> None:
    part = guest.text("/admin/catalogue?search=deepwiki", hx_request="true")

    assert part.lstrip().startswith('<div class="stack" id="found">')


def test_an_open_server_is_registered_with_one_click(admin: Visitor) -> None:
    answer = admin.post("/admin/catalogue/deepwiki")

    gateway = Gateway.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/admin/gateways/{gateway.pk.hex}")
    assert gateway.visibility == "public"
    assert AuditEntry.objects.get(object_id=gateway.pk.hex).via == "ui"
    assert f'href="/admin/gateways/{gateway.pk.hex}">Registered' in admin.text("/admin/catalogue")


def test_who_publishes_nothing_registers_for_themself(guest: Visitor) -> None:
    guest.post("/admin/catalogue/deepwiki")

    gateway = Gateway.objects.get()
    assert (gateway.visibility, gateway.owner) == ("private", guest.user)


def test_the_gateway_of_another_is_not_told(guest: Visitor) -> None:
    a_gateway("hidden", url="https://mcp.deepwiki.com/mcp", visibility="private")

    assert "Registered<span" not in guest.text("/admin/catalogue")


def test_a_form_asks_for_what_the_server_needs_and_no_more(admin: Visitor) -> None:
    key, login, either = (admin.text(f"/admin/catalogue/{one}") for one in ("exa", "sentry", "linear"))

    assert 'name="api_key"' in key
    assert "in the header x-api-key" in key
    assert 'name="way"' not in key
    assert 'name="api_key"' not in login
    assert 'name="oauth_client_id"' in login
    assert 'name="way"' in either


def test_a_key_that_is_missing_is_asked_for_at_its_field(admin: Visitor) -> None:
    answer = admin.post("/admin/catalogue/exa", {"name": "Web", "visibility": "public"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'aria-describedby="api_key-error' in page
    assert 'value="Web"' in page
    assert not Gateway.objects.exists()


def test_a_key_is_never_shown_again(admin: Visitor) -> None:
    a_gateway("Web")

    answer = admin.post("/admin/catalogue/exa", {"name": "Web", "visibility": "public", "api_key": "k-123"})

    assert answer.status_code == 409
    assert "k-123" not in answer.content.decode()


@pytest.mark.parametrize(
    ("form", "auth"),
    [
        ({"way": "bearer", "api_key": "k", "oauth_client_id": "left over"}, "bearer"),
        ({"way": "oauth", "api_key": "left over"}, "oauth"),
    ],
)
def test_of_two_ways_in_the_chosen_one_counts(admin: Visitor, form: dict[str, Any], auth: str) -> None:
    answer = admin.post("/admin/catalogue/linear", {"name": "Linear", "visibility": "public"} | form)

    assert answer.status_code == 303
    gateway = Gateway.objects.get()
    assert gateway.auth_type == auth
    assert "left over" not in str(gateway.oauth)


def test_a_client_that_has_to_be_made_by_hand_is_asked_for_at_its_field(admin: Visitor) -> None:
    answer = admin.post("/admin/catalogue/slack", {"name": "Slack", "visibility": "public"})

    assert answer.status_code == 422
    assert 'href="#oauth_client_id"' in answer.content.decode()


def test_a_server_is_registered_for_a_team(guest: Visitor) -> None:
    team = a_team("Blue")
    a_membership(team, guest.user)

    guest.post("/admin/catalogue/deepwiki", {"name": "Wiki", "visibility": "team", "team_id": team.pk.hex})

    assert Gateway.objects.get().team == team


def test_looking_costs_one_query_of_the_catalogue(admin: Visitor) -> None:
    admin.text("/admin/catalogue")
    with CaptureQueriesContext(connection) as captured:
        admin.text("/admin/catalogue")

    assert sum("proxy_app_gateway" in query["sql"] for query in captured) == 1
    assert not any("registryreading" in query["sql"] for query in captured)


@pytest.fixture
def registry(settings: Settings) -> str:
    settings.CATALOGUE_SOURCE = URL
    book._parsed.clear()
    return URL


def test_a_registry_that_was_never_read_says_so_and_is_read_on_demand(registry: str, admin: Visitor) -> None:
    assert "Not read yet" in admin.text("/admin/catalogue")

    answer = admin.post("/admin/catalogue-registry")

    assert answer["Location"] == "/admin/catalogue"
    assert ProcrastinateJob.objects.get(task_name="read_catalogue").args == {"timestamp": 0}
    assert AuditEntry.objects.get(action="catalogue.refreshed").object_name == URL
    admin.post("/admin/catalogue-registry")
    assert "waits already" in admin.text("/admin/catalogue")


def test_only_those_who_may_have_it_read(registry: str, guest: Visitor) -> None:
    assert "Read it now" not in guest.text("/admin/catalogue")
    assert guest.post("/admin/catalogue-registry").status_code == 403


def test_without_a_registry_there_is_nothing_to_read(admin: Visitor) -> None:
    assert 'id="registry"' not in admin.text("/admin/catalogue")
    assert admin.post("/admin/catalogue-registry").status_code == 409


def test_what_a_registry_says_is_shown_as_text_with_its_age_and_trouble(registry: str, admin: Visitor) -> None:
    entry = {"id": "x~y", "name": HOSTILE, "url": "https://x.example.com/?'", "provider": HOSTILE,
             "category": HOSTILE, "description": HOSTILE, "auth": "unsaid", "docs": "https://x.example/'"}  # fmt: skip
    now = timezone.now()
    RegistryReading.objects.create(
        url=URL, tried_at=now, read_at=now, entries=[entry], skipped=7, error=f"It was away {HOSTILE}"
    )

    for path in ("/admin/catalogue", "/admin/catalogue/x~y"):
        page = admin.text(path)
        assert "<img src=x" not in page
        assert "{{ 7|add:7 }}" in page
    assert "It was away" in admin.text("/admin/catalogue")
    assert "1; 7 others cannot be gateways" in admin.text("/admin/catalogue")


def test_an_entry_that_is_nowhere_is_a_page_that_says_so(admin: Visitor) -> None:
    assert admin.get("/admin/catalogue/nothing").status_code == 404
