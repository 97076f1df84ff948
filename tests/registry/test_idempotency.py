"""Creating with an Idempotency-Key: however often it is sent, it happens once."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from auth_app.idempotency import work
from auth_app.models import AuditEntry, KeptAnswer
from proxy_app.registry.kind import Kind
from tests.contract.access.registry import CREATED
from tests.registry.conftest import Caller, People, every_kind

KEY = "8e03978e-40d5-43e6-bc93-6894a57f9324"


def create(caller: Caller, kind: str, key: str | None = KEY, **changed: Any) -> Any:
    body = CREATED[kind] | changed
    return caller.send("POST", f"/{kind}", json.dumps(body).encode(), headers={"Idempotency-Key": key} if key else {})


@every_kind
def test_the_same_request_again_gets_the_same_answer_and_makes_nothing(admin: Caller, kind: Kind) -> None:
    first, again = create(admin, kind.slug), create(admin, kind.slug)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["ETag"] == first["ETag"]
    assert len(admin.get(f"/{kind.slug}").json()) == 1
    assert AuditEntry.objects.filter(action=f"{kind.singular}.created").count() == 1


@every_kind
def test_without_a_key_the_same_name_clashes(admin: Caller, kind: Kind) -> None:
    assert [create(admin, kind.slug, None).status_code for _ in range(2)] == [201, 409]


@every_kind
def test_another_request_by_the_same_key_is_refused(admin: Caller, kind: Kind) -> None:
    create(admin, kind.slug)
    answer = create(admin, kind.slug, team_id=None)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_in_quotation_marks_is_the_same(admin: Caller) -> None:
    assert create(admin, "gateways").json() == create(admin, "gateways", f'"{KEY}"').json()


def test_gateways_have_two_addresses_and_one_memory(admin: Caller) -> None:
    body = json.dumps(CREATED["gateways"]).encode()
    paths = ("/gateways", "/v1/mcp-servers", "/gateways/")
    answers = [admin.send("POST", path, body, headers={"Idempotency-Key": KEY}) for path in paths]
    assert len({answer.content for answer in answers}) == 1


def test_what_was_refused_is_tried_again(admin: Caller) -> None:
    assert create(admin, "gateways", url="no url").status_code == 422
    create(admin, "gateways", "another")
    assert create(admin, "gateways").status_code == 409
    admin.delete("/gateways/new")
    assert create(admin, "gateways").status_code == 201
    assert KeptAnswer.objects.count() == 2


def test_keys_of_other_people_tokens_and_kinds_are_other_keys(people: People) -> None:
    admin = people.admin
    assert admin.user
    first = create(admin, "gateways")
    second_token = Caller(admin.user)
    assert create(second_token, "gateways").status_code == 409
    assert create(people.stranger, "gateways", visibility="private").json()["id"] != first.json()["id"]
    assert create(admin, "servers").status_code == 201


@pytest.mark.parametrize("wrong", ["", " ", '""', "ä", "a\tb", "x" * 256])
def test_a_key_that_is_none_is_refused(admin: Caller, wrong: str) -> None:
    answer = create(admin, "gateways", wrong or " ")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["header", "Idempotency-Key"])


def test_nothing_of_a_credential_is_kept(admin: Caller) -> None:
    assert create(admin, "gateways", auth_token="a-secret-of-theirs").status_code == 201
    (row,) = KeptAnswer.objects.values()
    assert "a-secret-of-theirs" not in str(row)


def test_an_answer_is_kept_for_a_day_and_then_deleted(admin: Caller) -> None:
    create(admin, "gateways")
    now = timezone.now()
    assert work.forget_old(now + timedelta(hours=23)) == 0
    KeptAnswer.objects.update(created_at=now - timedelta(hours=25))
    assert create(admin, "gateways").status_code == 409  # anew, and the name is taken
    assert work.forget_old(now) == 1
