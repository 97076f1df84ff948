"""Adding a kind is one file and its migration: everything else follows from what the file says."""

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from auth_app.models import AuditEntry
from auth_app.permissions import catalogue, expand
from proxy_app.registry import openapi
from tests.registry.added_kind import DATASETS, Dataset
from tests.registry.conftest import Caller, People

pytestmark = pytest.mark.urls("tests.registry.added_urls")

BODY = {"dataset": {"name": "Sales 2026", "source_url": "https://data.example/sales", "format": "parquet"}}
FORM = {"name": "Sales 2026", "source_url": "https://data.example/sales", "format": "parquet", "rows_at_most": "1000",
        "visibility": "public", "tags": "money, year"}  # fmt: skip


@pytest.fixture(autouse=True)
def added(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the migration and `ready()` do."""
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "_verbs", dict(catalogue._verbs))
        patch.setattr(catalogue, "_registered", set(catalogue._registered))
        catalogue.add_registered(DATASETS.slug)
        with connection.schema_editor() as editor:
            editor.create_model(Dataset)
        yield
    expand.cache_clear()


@pytest.fixture
def browser(people: People) -> Client:
    client = Client()
    assert people.admin.user
    client.force_login(people.admin.user)
    return client


def test_it_is_added_listed_read_changed_switched_and_deleted_by_json(admin: Caller) -> None:
    made = admin.post("/datasets", BODY)
    assert made.status_code == 201
    item = made.json()
    assert (item["slug"], item["format"], item["rowsAtMost"]) == ("sales-2026", "parquet", None)
    assert admin.get("/datasets").json() == [item]
    assert admin.get("/datasets/sales-2026").json() == item

    changed = admin.put(f"/datasets/{item['id']}", {"rowsAtMost": 10, "is_sampled": True}).json()
    assert (changed["rowsAtMost"], changed["isSampled"], changed["version"]) == (10, True, 2)
    assert admin.post(f"/datasets/{item['id']}/state?activate=false").json()["dataset"]["enabled"] is False
    assert admin.get("/datasets").json() == []
    assert len(admin.get("/datasets?include_inactive=true&format=parquet").json()) == 1

    assert admin.delete(f"/datasets/{item['id']}").status_code == 200
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions)[-4:] == ["dataset.created", "dataset.updated", "dataset.disabled", "dataset.deleted"]


def test_what_is_wrong_is_said_of_its_field(admin: Caller) -> None:
    answer = admin.post("/datasets", {"dataset": BODY["dataset"] | {"format": "xml"}})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "dataset", "format"]
    assert admin.get("/datasets?format=xml").status_code == 422


def test_who_may_not_see_it_does_not_find_it(people: People) -> None:
    item = people.owner.post("/datasets", BODY | {"visibility": "private"}).json()
    assert people.owner.get(f"/datasets/{item['id']}").status_code == 200
    assert people.stranger.get(f"/datasets/{item['id']}").status_code == 404
    assert people.stranger.get("/datasets").json() == []


def test_its_pages_are_made_of_its_models(browser: Client) -> None:
    form = browser.get("/admin/datasets/new").content.decode()
    assert re.findall(r'name="([a-z_]+)"', form.split('class="form')[1])[1:] == [
        "name", "source_url", "format", "rows_at_most", "is_sampled", "description", "tags", "visibility", "team_id",
    ]  # fmt: skip
    assert '<option value="parquet">Parquet</option>' in form

    answer = browser.post("/admin/datasets/new", FORM)
    assert answer.status_code == 303
    page = browser.get(answer["Location"]).content.decode()
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>(.*?)\s*</dd>", page, re.DOTALL))
    assert (facts["Source url"], facts["Format"], facts["Rows at most"]) == (
        "<code>https://data.example/sales</code>", "parquet", "1,000",
    )  # fmt: skip
    assert facts["Is sampled"] == "no"

    edit = browser.get(f"{answer['Location']}/edit").content.decode()
    assert 'value="1000"' in edit
    assert '<option value="parquet" selected>' in edit
    assert (
        browser.post(f"{answer['Location']}/edit", FORM | {"rows_at_most": "", "is_sampled": "on"}).status_code == 303
    )
    dataset = Dataset._default_manager.get()
    assert (dataset.rows_at_most, dataset.is_sampled, dataset.tags) == (None, True, ["money", "year"])

    table = browser.get("/admin/datasets?format=parquet").content.decode()
    assert ">Sales 2026</a>" in table
    assert browser.post(f"{answer['Location']}/delete").status_code == 303
    assert not Dataset._default_manager.exists()


def test_a_form_that_is_wrong_comes_back_with_what_was_entered(browser: Client) -> None:
    answer = browser.post("/admin/datasets/new", FORM | {"name": "", "rows_at_most": "many"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="many"' in page
    assert page.count('aria-invalid="true"') == 2


def test_the_openapi_document_would_have_its_paths() -> None:
    paths = openapi.paths_of(DATASETS)
    assert {path: sorted(operations) for path, operations in paths.items()} == {
        "/datasets": ["get", "post"],
        "/datasets/ids": ["get"],
        "/datasets/bulk": ["post"],
        "/datasets/{key}": ["delete", "get", "patch", "put"],
        "/datasets/{key}/state": ["post"],
    }
