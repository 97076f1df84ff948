"""Every kind, through the front door: listed, read, changed, switched, deleted, and refused."""

import uuid

from django.db import connection
from django.test.utils import CaptureQueriesContext

from auth_app.models import AuditEntry
from proxy_app.registry.kind import Kind
from tests.registry.conftest import Caller, People, an_item, every_kind

UNKNOWN = uuid.UUID(int=1).hex


@every_kind
def test_an_item_is_listed_and_read_with_the_same_members(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    (listed,) = admin.get(f"/{kind.slug}").json()
    assert listed["id"] == row.pk.hex
    assert admin.get(f"/{kind.slug}/{row.pk.hex}").json() == listed


@every_kind
def test_an_item_answers_to_its_id_with_dashes_and_to_its_slug(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    for key in (str(row.pk), row.slug):
        assert admin.get(f"/{kind.slug}/{key}").json()["id"] == row.pk.hex


@every_kind
def test_every_path_is_also_served_under_v1_and_lists_with_a_slash_at_the_end(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    expected = admin.get(f"/{kind.slug}").json()
    assert admin.get(f"/v1/{kind.slug}").json() == expected
    assert admin.get(f"/{kind.slug}/").json() == expected
    assert admin.get(f"/v1/{kind.slug}/{row.pk.hex}").json() == expected[0]


@every_kind
def test_an_update_takes_both_spellings_and_stamps_the_row(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug, owner=admin.user)
    answer = admin.put(f"/{kind.slug}/{row.pk.hex}", {"description": "new", "tags": ["b", "a", "b"]})
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["description"], changed["version"]) == ("new", 2)
    assert changed["tags"] == [{"id": "b", "label": "b"}, {"id": "a", "label": "a"}]
    assert changed["modifiedBy"] == "admin@example.com"
    assert (changed["modifiedFromIp"], changed["modifiedVia"]) == ("203.0.113.7", "api")
    assert changed["modifiedUserAgent"] == "pytest"
    team = {"visibility": "team", "team_id": None}
    assert admin.put(f"/{kind.slug}/{row.pk.hex}", team).status_code == 422
    assert admin.put(f"/{kind.slug}/{row.pk.hex}", {"teamId": None, "visibility": "private"}).status_code == 200


@every_kind
def test_an_item_without_an_owner_cannot_be_made_private_since_nobody_would_see_it_again(
    admin: Caller, kind: Kind
) -> None:
    row = an_item(kind.slug, owner=None)
    answer = admin.put(f"/{kind.slug}/{row.pk.hex}", {"visibility": "private"})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "visibility"])


@every_kind
def test_patch_changes_what_it_names_as_put_does(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug, description="old", tags=["a"])
    answer = admin.send("PATCH", f"/{kind.slug}/{row.pk.hex}", b'{"description": "new"}')
    assert (answer.status_code, answer.json()["description"]) == (200, "new")
    assert answer.json()["tags"] == [{"id": "a", "label": "a"}]


@every_kind
def test_tags_may_be_sent_as_they_are_answered(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug, tags=["x", "y"])
    tags = admin.get(f"/{kind.slug}/{row.pk.hex}").json()["tags"]
    assert admin.put(f"/{kind.slug}/{row.pk.hex}", {"tags": tags}).json()["tags"] == tags


@every_kind
def test_an_empty_update_changes_nothing_not_even_the_version(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    before = admin.get(f"/{kind.slug}/{row.pk.hex}").json()
    answer = admin.put(f"/{kind.slug}/{row.pk.hex}", {})
    assert (answer.status_code, answer.json()) == (200, before)


@every_kind
def test_a_disabled_item_is_listed_only_when_asked_for_and_still_read(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    answer = admin.post(f"/{kind.slug}/{row.pk.hex}/state?activate=false")
    assert answer.status_code == 200
    assert answer.json()["status"] == "success"
    assert answer.json()["message"] == f"{kind.title} {row.pk.hex} deactivated"
    assert answer.json()[kind.singular]["enabled"] is False
    assert admin.get(f"/{kind.slug}").json() == []
    (listed,) = admin.get(f"/{kind.slug}", include_inactive="true").json()
    assert listed == admin.get(f"/{kind.slug}/{row.pk.hex}").json() == answer.json()[kind.singular]
    assert admin.post(f"/{kind.slug}/{row.pk.hex}/state?activate=true").json()[kind.singular]["enabled"] is True


@every_kind
def test_switching_needs_to_know_which_way(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    wrong = {"": "missing", "?activate=maybe": "bool_parsing", "?activate=true&activate=false": "repeated"}
    for query, type_ in wrong.items():
        answer = admin.post(f"/{kind.slug}/{row.pk.hex}/state{query}")
        assert answer.status_code == 422
        (error,) = answer.json()["detail"]
        assert (error["loc"], error["type"]) == (["query", "activate"], type_)


@every_kind
def test_a_deleted_item_is_gone_and_said_to_be(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    answer = admin.delete(f"/{kind.slug}/{row.pk.hex}")
    assert answer.json() == {"status": "success", "message": f"{kind.title} {row.pk.hex} deleted"}
    assert admin.delete(f"/{kind.slug}/{row.pk.hex}").status_code == 404
    assert admin.get(f"/{kind.slug}", include_inactive="true").json() == []


@every_kind
def test_every_write_leaves_one_audit_entry(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug, description="old")
    path = f"/{kind.slug}/{row.pk.hex}"
    admin.put(path, {"description": "new"})
    admin.post(f"{path}/state?activate=false")
    admin.delete(path)
    entries = AuditEntry.objects.filter(object_kind=kind.slug, object_id=row.pk.hex).order_by("id")
    assert [entry.action.split(".")[1] for entry in entries] == ["updated", "disabled", "deleted"]
    assert entries[0].changes == {"description": ["old", "new"]}
    assert {(entry.actor_email, entry.from_ip, entry.via) for entry in entries} == {
        ("admin@example.com", "203.0.113.7", "api")
    }
    assert all(entry.request_id for entry in entries)


@every_kind
def test_an_unknown_key_is_404_whatever_is_asked_of_it(admin: Caller, kind: Kind) -> None:
    for key in (
        UNKNOWN,
        "no-such-slug",
        "NOT A SLUG",
        "a%00b",
        "%22%3E",
        "0x" + UNKNOWN[2:],
        "{" + str(uuid.uuid4()) + "}",
    ):
        path = f"/{kind.slug}/{key}"
        answers = [
            admin.get(path),
            admin.put(path, {"description": "x"}),
            admin.delete(path),
            admin.post(f"{path}/state?activate=true"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert {answer.json()["code"] for answer in answers} == {"not_found"}


@every_kind
def test_without_a_credential_everything_is_401(people: People, kind: Kind) -> None:
    row = an_item(kind.slug)
    nobody, path = Caller(), f"/{kind.slug}/{row.pk.hex}"
    answers = [
        nobody.get(f"/{kind.slug}"),
        nobody.post(f"/{kind.slug}", {}),
        nobody.get(path),
        nobody.put(path, {}),
        nobody.delete(path),
        nobody.post(f"{path}/state?activate=false"),
    ]
    assert [answer.status_code for answer in answers] == [401] * 6
    for answer in answers:
        assert answer.json() == {"detail": "Authorization token required", "code": "not_authenticated"}
        assert answer["WWW-Authenticate"] == "Bearer"


@every_kind
def test_a_method_that_is_not_there_is_405_and_says_which_are(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    more = "POST, " if kind.slug == "prompts" else ""  # which renders it
    answer = admin.send("TRACE", f"/{kind.slug}/{row.pk.hex}", b"{}")
    assert (answer.status_code, answer["Allow"]) == (405, f"GET, PUT, PATCH, DELETE, {more}HEAD, OPTIONS")
    assert answer.json() == {"detail": "Method Not Allowed", "code": "method_not_allowed"}
    assert admin.send("OPTIONS", f"/{kind.slug}/{row.pk.hex}")["Allow"] == answer["Allow"]
    assert admin.send("DELETE", f"/{kind.slug}")["Allow"].startswith("GET")
    assert admin.send("GET", f"/{kind.slug}/{row.pk.hex}/state")["Allow"] == "POST, OPTIONS"


@every_kind
def test_head_is_get_without_a_body(admin: Caller, kind: Kind) -> None:
    row = an_item(kind.slug)
    for path in (f"/{kind.slug}", f"/{kind.slug}/{row.pk.hex}"):
        answer = admin.send("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")


@every_kind
def test_a_list_is_one_query_for_one_row_and_for_a_hundred(admin: Caller, kind: Kind) -> None:
    an_item(kind.slug)
    assert _selects(admin, f"/{kind.slug}?limit=100") == ["token", "roles", "list"]
    for _ in range(99):
        an_item(kind.slug)
    assert _selects(admin, f"/{kind.slug}?limit=100") == ["token", "roles", "list"]
    assert len(admin.get(f"/{kind.slug}", limit=100).json()) == 100


def _selects(caller: Caller, path: str) -> list[str]:
    """The queries behind a list, by what they are for."""
    with CaptureQueriesContext(connection) as queries:
        caller.get(path)
    tables = {'FROM "auth_app_apitoken"': "token", 'FROM "auth_app_membership"': "roles"}
    selects = [query["sql"] for query in queries if query["sql"].lstrip("(").startswith("SELECT")]
    return [next((name for table, name in tables.items() if table in sql), "list") for sql in selects]


@every_kind
def test_a_server_or_gateway_of_the_same_name_is_refused_in_its_scope_only(admin: Caller, kind: Kind) -> None:
    first = an_item(kind.slug)
    second = an_item(kind.slug, owner=admin.user)
    answer = admin.put(f"/{kind.slug}/{second.pk.hex}", {"name": first.name})
    if kind.slug in ("tools", "prompts"):
        # Their public names begin with their gateway's: the names differ still.
        assert answer.status_code == 200
        return
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"Public {kind.title} already exists with name: {first.slug}"
    assert answer.json()["code"] == "name_taken"
    assert admin.put(f"/{kind.slug}/{second.pk.hex}", {"name": first.name, "visibility": "private"}).status_code == 200
