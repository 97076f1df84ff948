"""The catalogue as JSON: what fits, what one has registered as far as one sees, and registering with what it needs."""

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from auth_app.models import AuditEntry
from gatewaysite.secrets import open_sealed
from proxy_app.catalogue import book
from proxy_app.catalogue.entries import Entry
from proxy_app.models import Gateway, RegistryReading
from tests.builders import a_gateway, a_user
from tests.registry.conftest import Caller
from tests.registry.test_openapi import answer_schema, check, document

DEEPWIKI = "https://mcp.deepwiki.com/mcp"
SERVER = {
    "id", "name", "category", "url", "auth_type", "provider", "description", "requires_api_key", "secure", "tags",
    "transport", "logo_url", "documentation_url", "is_registered", "is_available", "gateway_id",
}  # fmt: skip


@pytest.fixture
def admin(db: None) -> Caller:
    return Caller(a_user(admin=True))


@pytest.fixture
def person(db: None) -> Caller:
    return Caller(a_user())


def listed(caller: Caller, **query: Any) -> dict[str, Any]:
    answer = caller.get("/v1/catalog", **query)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def ids(caller: Caller, **query: Any) -> list[str]:
    return [server["id"] for server in listed(caller, **query)["servers"]]


def registered(caller: Caller, entry: str, body: Any = None, status: int = 201) -> Any:
    answer = caller.post(f"/catalog/{entry}/register", body)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_the_list_has_the_members_that_clients_know(admin: Caller) -> None:
    found = listed(admin, limit=1)

    assert set(found) == {"servers", "total", "categories", "auth_types", "providers", "all_tags"}
    assert set(found["servers"][0]) == SERVER
    assert len(found["servers"]) == 1
    assert found["total"] >= 40


def test_its_answers_are_as_the_openapi_document_says(admin: Caller) -> None:
    whole = document(admin)

    check(listed(admin), answer_schema(whole, "/catalog", "get", 200), whole)
    check(registered(admin, "deepwiki"), answer_schema(whole, "/catalog/{key}/register", "post", 201), whole)


def test_it_is_narrowed_by_each_of_its_parameters(person: Caller) -> None:
    assert "deepwiki" in ids(person, auth_type="Open")
    assert "github" not in ids(person, auth_type="Open")
    assert set(ids(person, provider="GitHub")) == {"github"}
    assert "neon" in ids(person, category="Databases")
    assert {"neon", "supabase"} <= set(ids(person, tags="postgresql,nothing"))
    assert ids(person, search="DEEPWIKI") == ["deepwiki"]
    assert ids(person, search="wiki public repositories") == ["deepwiki"]
    assert ids(person, search="deepwiki", offset=1) == []


def test_a_parameter_that_nobody_knows_is_named(person: Caller) -> None:
    answer = person.get("/catalog", colour="blue")

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "colour"]


def test_what_is_registered_is_marked_for_those_who_see_it(admin: Caller, person: Caller) -> None:
    gateway = a_gateway("mine", url=f"{DEEPWIKI}/", visibility="private", owner=person.user)

    (found,) = listed(person, search="deepwiki")["servers"]
    assert (found["is_registered"], found["gateway_id"]) == (True, gateway.pk.hex)
    assert ids(person, show_registered_only="true") == ["deepwiki"]
    (hidden,) = listed(admin, search="deepwiki")["servers"]
    assert (hidden["is_registered"], hidden["gateway_id"]) == (False, None)


def test_an_open_server_is_registered_with_an_empty_body(admin: Caller) -> None:
    told = registered(admin, "deepwiki")

    gateway = Gateway.objects.get()
    assert told == {
        "success": True,
        "server_id": gateway.pk.hex,
        "message": "DeepWiki is being registered",
        "error": None,
        "oauth_required": False,
    }
    assert (gateway.name, gateway.url, gateway.auth_type, gateway.status) == ("DeepWiki", DEEPWIKI, "", "pending")
    (entry,) = AuditEntry.objects.filter(object_id=gateway.pk.hex)
    assert entry.action == "gateway.created"


def test_a_key_goes_where_the_server_looks_for_it_and_nowhere_else(admin: Caller) -> None:
    registered(admin, "exa", {"api_key": "k-123", "name": "Web"})
    registered(admin, "github", {"api_key": "t-456"})

    web, github = Gateway.objects.get(name="Web"), Gateway.objects.get(name="GitHub")
    assert (web.auth_type, open_sealed(web.sealed_headers)) == ("authheaders", {"x-api-key": "k-123"})
    assert (github.auth_type, open_sealed(github.sealed_headers)) == ("bearer", {"Authorization": "Bearer t-456"})
    assert "k-123" not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


def test_a_server_that_people_log_in_to_waits_for_them(admin: Caller) -> None:
    told = registered(admin, "linear")

    assert told["oauth_required"] is True
    assert Gateway.objects.get().auth_type == "oauth"


@pytest.mark.parametrize(
    ("entry", "body", "field"),
    [
        ("exa", {}, "api_key"),
        ("deepwiki", {"api_key": "k"}, "api_key"),
        ("deepwiki", {"oauth_credentials": {"client_id": "c"}}, "oauth_credentials"),
        ("slack", {}, "oauth_credentials"),
        ("deepwiki", {"server_id": "github"}, "server_id"),
        ("deepwiki", {"url": "https://elsewhere.example.com"}, "url"),
        ("deepwiki", {"visibility": "team"}, "team_id"),
    ],
)
def test_what_is_wrong_with_a_registration_is_said_at_its_field(
    admin: Caller, entry: str, body: dict[str, Any], field: str
) -> None:
    told = registered(admin, entry, body, status=422)

    assert told["detail"][0]["loc"][:2] == ["body", field]
    assert not Gateway.objects.exists()


def test_a_provider_that_wants_a_client_is_told_of_it(admin: Caller) -> None:
    registered(admin, "slack", {"oauth_credentials": {"client_id": "c-1", "client_secret": "s-1"}})

    gateway = Gateway.objects.get()
    assert gateway.oauth["client_id"] == "c-1"
    assert "s-1" not in str(gateway.oauth)


def test_the_same_name_twice_is_a_clash(admin: Caller) -> None:
    registered(admin, "deepwiki")

    assert registered(admin, "deepwiki", status=409)["code"] == "name_taken"


def test_who_may_make_no_public_gateway_makes_none_this_way(person: Caller) -> None:
    registered(person, "deepwiki", status=403)
    registered(person, "deepwiki", {"visibility": "private"})

    assert Gateway.objects.get().owner == person.user


def test_an_entry_that_is_not_there_is_not_found(admin: Caller) -> None:
    registered(admin, "nothing-like-it", status=404)


@pytest.fixture
def registry(settings: Settings, db: None) -> RegistryReading:
    settings.CATALOGUE_SOURCE = "https://registry.example.com/v0/servers"
    book._parsed.clear()
    entries = [an_entry("com.example~tickets", "https://tickets.example.com"), an_entry("com.example~wiki", DEEPWIKI)]
    now = timezone.now()
    return RegistryReading.objects.create(url=settings.CATALOGUE_SOURCE, tried_at=now, read_at=now, entries=entries)


def an_entry(id: str, url: str, **values: Any) -> dict[str, Any]:
    named = {"id": id, "name": id, "url": url, "provider": "P", "category": "C", "auth": "unsaid"} | values
    return Entry.model_validate(named).model_dump(mode="json", exclude_defaults=True)


def test_what_was_read_from_a_registry_is_among_ours(registry: RegistryReading, admin: Caller) -> None:
    assert ids(admin, search="com.example") == ["com.example~tickets"], "the other repeats one of ours"
    told = registered(admin, "com.example~tickets")
    assert Gateway.objects.get(pk=told["server_id"]).url == "https://tickets.example.com"


def test_a_newer_reading_is_seen_at_once(registry: RegistryReading, admin: Caller) -> None:
    assert ids(admin, search="com.example")
    registry.entries, registry.read_at = [an_entry("com.example~new", "https://new.example.com")], timezone.now()
    registry.save()

    assert ids(admin, search="com.example") == ["com.example~new"]
