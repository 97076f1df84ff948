"""The pages of export and import, without JavaScript."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from proxy_app.models import Gateway, Transfer
from proxy_app.transfer.document import as_yaml, parse
from tests.builders import a_gateway, a_team, a_user, an_admin
from tests.transfer.conftest import a_document

GATEWAY = {"name": "GitHub", "url": "https://mcp.github.example.com/mcp"}


@pytest.fixture
def client(db: None) -> Client:
    browser = Client()
    browser.force_login(an_admin("admin@example.com"))
    return browser


def plan(client: Client, document: Any = None, **more: Any) -> Any:
    text = as_yaml(document or a_document(gateways=[GATEWAY]), "https://gw.example.com/schema/config.json")
    return client.post("/admin/transfer/plan", {"text": text, "strategy": "update", **more})


def test_what_is_pasted_is_shown_as_a_plan_and_applied_from_there(client: Client) -> None:
    a_gateway("other", description="<b>old</b>")
    document = a_document(gateways=[GATEWAY, {"name": "other", "description": "<i>new</i>"}])
    answer = plan(client, document)
    assert answer.status_code == 303
    page = client.get(answer["Location"]).content.decode()
    assert "1 to create, 1 to change" in page
    assert "<del>&quot;&lt;b&gt;old&lt;/b&gt;&quot;</del>" in page
    assert "Apply this plan" in page
    assert not Gateway.objects.filter(slug="github").exists()
    assert client.post(f"{answer['Location']}/apply").status_code == 303
    page = client.get(answer["Location"]).content.decode()
    assert Gateway.objects.filter(slug="github").exists()
    assert "Apply this plan" not in page
    assert ">Done</span>" in page
    row = Transfer.objects.get()
    assert (row.status, row.sealed_document) == ("completed", "")


def test_a_file_is_taken_as_well(client: Client) -> None:
    file = SimpleUploadedFile("x.json", b'{"format": "poolgate/1", "gateways": []}', content_type="application/json")
    answer = client.post("/admin/transfer/plan", {"document": file, "strategy": "skip"})
    assert "Everything is as the document says already" in client.get(answer["Location"]).content.decode()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"text": ""}, "Choose a file, or paste a document"),
        ({"text": "a: ["}, "Line"),
        ({"text": "format: poolgate/1\ngateways:\n- {name: x, surprise: 1}"}, "gateways.0.surprise"),
        ({"text": "format: poolgate/1", "strategy": "nope"}, "strategy must be one of"),
    ],
)
def test_what_cannot_be_read_is_said_where_it_was_sent(client: Client, sent: dict[str, str], said: str) -> None:
    answer = client.post("/admin/transfer/plan", {"strategy": "update"} | sent)
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_plan_in_conflict_is_not_applied(client: Client) -> None:
    answer = plan(client, a_document(servers=[{"name": "dev", "associatedTools": ["nowhere"]}]))
    page = client.get(answer["Location"]).content.decode()
    assert "nowhere" in page
    assert "Apply this plan" not in page
    client.post(f"{answer['Location']}/apply")
    assert Transfer.objects.get().status == "failed"


def test_what_moved_meanwhile_is_not_applied(client: Client) -> None:
    answer = plan(client)
    a_gateway("GitHub", description="Somebody else's")
    client.post(f"{answer['Location']}/apply")
    assert Gateway.objects.get().description == "Somebody else's"
    assert "look at it again" in client.get(answer["Location"]).content.decode()


def test_a_plan_is_narrowed_to_one_sort_of_change(client: Client) -> None:
    a_gateway("other")
    where = plan(client, a_document(gateways=[GATEWAY]), prune="on")["Location"]
    assert "GitHub" in client.get(where).content.decode()
    page = client.get(where, {"show": "delete"}).content.decode()
    assert "<strong>other</strong>" in page
    assert "<strong>GitHub</strong>" not in page


def test_a_missing_secret_names_the_variable_that_is_to_have_it(client: Client) -> None:
    item = {**GATEWAY, "authType": "bearer", "authToken": "${ENV:POOLGATE_SECRET_X}"}
    page = client.get(plan(client, a_document(gateways=[item]))["Location"]).content.decode()
    assert "<code>POOLGATE_SECRET_X</code>" in page


def test_the_document_is_downloaded_as_a_file(client: Client) -> None:
    a_gateway("one"), a_gateway("two", enabled=False)
    answer = client.get("/admin/transfer/export", {"parts": "gateways", "active_only": "on"})
    assert answer["Content-Type"] == "application/yaml"
    assert answer["Content-Disposition"].startswith('attachment; filename="poolgate-')
    document = parse(answer.getvalue().decode())
    assert [one["name"] for one in document["gateways"]] == ["one"]
    assert "servers" not in document


def test_the_rail_offers_it_to_whoever_may(client: Client, db: None) -> None:
    assert "/admin/transfer" in client.get("/admin").content.decode()
    member = a_user("member@example.com")
    a_team("Blue", members=(member,))
    other = Client()
    other.force_login(member)
    assert "/admin/transfer" not in other.get("/admin").content.decode()
