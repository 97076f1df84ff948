"""Trusted issuers: administrators say who is believed, and who somebody is there."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from auth_app.models import AuditEntry, TrustedIssuer, User
from tests.builders import a_token, a_user, an_admin

pytestmark = pytest.mark.django_db

ISSUERS = "/oauth/issuers"
BODY = {"name": "Corp", "issuer": "https://id.example.com/realm"}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(db: None) -> Client:
    return signed_in(an_admin("admin@example.com"))


def sent(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(method, path, json.dumps(body), content_type="application/json")


def test_an_issuer_is_trusted_changed_and_trusted_no_more(admin: Client) -> None:
    ann = a_user("Ann@example.com")
    made = sent(admin, "POST", ISSUERS, BODY | {"audiences": ["api://gw"], "subjects": {"0815": "ann@example.com"}})
    assert made.status_code == 201
    told = made.json()
    assert (told["person_claim"], told["offered"], told["subjects"]) == ("email", False, {"0815": "Ann@example.com"})
    path = f"{ISSUERS}/{told['id']}"
    assert admin.get(path).json() == told
    assert admin.get(ISSUERS).json() == {"issuers": [told]}
    assert TrustedIssuer.objects.get().subjects.get().user == ann
    changed = sent(admin, "PUT", path, {"offered": True, "subjects": {}}).json()
    assert (changed["offered"], changed["subjects"], changed["audiences"]) == (True, {}, ["api://gw"])
    assert admin.delete(path).status_code == 204
    assert not TrustedIssuer.objects.exists()
    assert list(AuditEntry.objects.order_by("at").values_list("action", flat=True)) == [
        "issuer.trusted",
        "issuer.updated",
        "issuer.deleted",
    ]


def test_a_list_costs_the_same_for_one_issuer_and_for_many(admin: Client) -> None:
    a_user("ann@example.com")
    counts = []
    for number in range(3):
        body = BODY | {"issuer": f"https://id{number}.example.com", "subjects": {f"{number}": "ann@example.com"}}
        assert sent(admin, "POST", ISSUERS, body).status_code == 201
        with CaptureQueriesContext(connection) as queries:
            listed = admin.get(ISSUERS).json()["issuers"]
        assert len(listed) == number + 1
        assert all(len(one["subjects"]) == 1 for one in listed)
        counts.append(len(queries))
    assert len(set(counts)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://id.example.com"},
        {"issuer": "https://"},
        {"issuer": "https://me@id.example.com"},
        {"issuer": "https://id.example.com/?x"},
        {"issuer": "https://id.example.com/ x"},
        {"issuer": "id.example.com"},
        {"person_claim": ""},
        {"subjects": {"x": "nobody@example.com"}},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_trusted_is_told_by_its_field(admin: Client, wrong: dict[str, Any]) -> None:
    answer = sent(admin, "POST", ISSUERS, BODY | wrong)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][1] == next(iter(wrong))
    assert not TrustedIssuer.objects.exists()


def test_an_issuer_is_trusted_once(admin: Client) -> None:
    assert sent(admin, "POST", ISSUERS, BODY).status_code == 201
    assert sent(admin, "POST", ISSUERS, BODY).status_code == 409


def test_others_and_tokens_change_nothing(admin: Client) -> None:
    path = f"{ISSUERS}/{sent(admin, 'POST', ISSUERS, BODY).json()['id']}"
    token = Client(headers={"authorization": f"Bearer {a_token(User.objects.get())}"})
    for somebody in (signed_in(a_user()), token):
        for method, where, body in (("GET", ISSUERS, None), ("POST", ISSUERS, BODY), ("DELETE", path, None)):
            assert sent(somebody, method, where, body).status_code == 403
    assert Client().get(ISSUERS).status_code == 401
    assert admin.get(f"{ISSUERS}/x").status_code == 404
