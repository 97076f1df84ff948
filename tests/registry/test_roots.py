"""Roots: kept by those who may, told to those who ask."""

from pytest_django import Settings

from auth_app.models import AuditEntry
from proxy_app.models import Root
from tests.registry.conftest import Caller, People

ONE = "/roots/https%3A%2F%2Fexample.com%2Fone"


def test_a_root_is_added_renamed_and_removed_with_an_entry_of_the_audit_each(admin: Caller) -> None:
    assert admin.post("/roots", {"uri": "https://example.com/one", "name": "One"}).status_code == 201
    assert admin.put(ONE, {"name": None}).json() == {"uri": "https://example.com/one", "name": None, "_meta": None}
    assert admin.delete(ONE).status_code == 200
    actions = AuditEntry.objects.filter(object_kind="roots").order_by("at").values_list("action", flat=True)
    assert list(actions) == ["root.created", "root.updated", "root.deleted"]
    assert not Root.objects.exists()


def test_only_allowed_schemes_are_taken(admin: Caller, settings: Settings) -> None:
    for uri in ("file:///srv", "ftp://example.com", "javascript:alert(1)", "https://example.com/../up", "nonsense"):
        answer = admin.post("/roots", {"uri": uri})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "uri"])
    settings.ROOT_ALLOWED_SCHEMES = ["https", "file"]
    assert admin.post("/roots", {"uri": "file:///srv"}).status_code == 201


def test_roots_are_for_those_who_have_the_permission(people: People) -> None:
    Root.objects.create(uri="https://example.com/one")
    for caller in (people.owner, people.member, people.viewer, people.stranger):
        assert caller.get("/roots").status_code == 403
        assert caller.delete(ONE).status_code == 403
    assert people.admin.get(ONE).status_code == 200
