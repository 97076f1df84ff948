"""How clients come about: they register themselves, are described by a document, or are entered; and how they end."""

import json
from datetime import timedelta
from typing import Any

import pytest
import requests
from allauth.idp.oidc.models import Client as ClientRow
from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from auth_app.models import AuditEntry, ClientRecord
from auth_app.oauth.clients import work
from auth_app.oauth.documents import Documents
from gatewaysite.errors import GatewayError
from proxy_app.upstream.errors import UpstreamTimeout
from tests.builders import a_user, an_admin
from tests.oauth.conftest import CALLBACK, GATEWAY, Person, address, exchange, post_json, refresh, registered, returned

pytestmark = pytest.mark.django_db

REGISTER = "/oauth/register"


@pytest.fixture(autouse=True)
def _no_limit_was_used(db: None) -> None:
    cache.clear()


# --- Registering -----------------------------------------------------------------------------------------------------


def test_a_client_registers_and_reads_what_became_of_its_wishes() -> None:
    answer = post_json(REGISTER, {"redirect_uris": [CALLBACK], "client_name": "Desk", "scope": "x", "logo_uri": "y"})
    told = answer.json()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert told["redirect_uris"] == [CALLBACK]
    assert (told["grant_types"], told["response_types"]) == (["authorization_code"], ["code"])
    assert (told["token_endpoint_auth_method"], told["client_secret_expires_at"]) == ("client_secret_basic", 0)
    assert told["scope"] == "mcp:read mcp:call"
    assert ClientRecord.objects.get().origin == "dcr"


def test_what_it_asks_for_beyond_that_it_does_not_get() -> None:
    told = registered(
        grant_types=["client_credentials", "password", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        response_types=["token", "id_token"],
    )
    assert (told["grant_types"], told["response_types"]) == (["authorization_code", "refresh_token"], ["code"])


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://client.example.com/callback",
        "http://127.0.0.1.evil.example/cb",
        "https://",
        "https:///path",
        "https://user:pass@client.example.com/",
        "https://client.example.com/#here",
        "https://*.example.com/",
        "https://client.example.com/ x",
        "https://client.example.com/\nhttps://evil.example/",
        "https://client.example.com\\@evil.example/",
        "HTTPS://client.example.com/",
        "https://client.example.com:0/",
        "https://client.example.com:99999/",
        "//client.example.com/",
        "callback",
        "",
        "https://client.example.com/" + "x" * 500,
    ],
)
def test_a_redirect_uri_that_could_harm_somebody_is_refused(uri: str) -> None:
    answer = post_json(REGISTER, {"redirect_uris": [uri]})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")
    assert not ClientRow.objects.exists()


@pytest.mark.parametrize("uri", ["http://localhost:3000/cb", "http://[::1]/cb", "cursor://anysphere.retrieval/cb"])
def test_programs_on_peoples_machines_register_too(uri: str) -> None:
    assert post_json(REGISTER, {"redirect_uris": [uri]}).status_code == 201


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": [CALLBACK] * 11}, "invalid_redirect_uri"),
        ({"redirect_uris": CALLBACK}, "invalid_redirect_uri"),
        ({"redirect_uris": [CALLBACK], "client_name": "x" * 101}, "invalid_client_metadata"),
        ({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ([], "invalid_client_metadata"),
        ("x", "invalid_client_metadata"),
    ],
)
def test_what_cannot_be_registered_is_told_in_the_words_of_the_standard(body: Any, error: str) -> None:
    answer = post_json(REGISTER, body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"].isascii()


def test_it_can_be_switched_off(settings: Settings, ann: Person) -> None:
    client = registered()
    settings.OAUTH_REGISTRATION = False
    assert post_json(REGISTER, {"redirect_uris": [CALLBACK]}).status_code == 404
    assert ann.open(client).status_code == 200, "who is registered stays so"


def test_nobody_registers_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [post_json(REGISTER, {"redirect_uris": [CALLBACK]}) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [201] * 60 + [429]
    assert int(answers[-1]["Retry-After"]) >= 60
    cache.clear()
    monkeypatch.setattr(work, "MOST_UNUSED", 60)
    full = post_json(REGISTER, {"redirect_uris": [CALLBACK]})
    assert (full.status_code, full.json()["reason"]) == (503, "oauth_clients_full")


@pytest.mark.parametrize("path", [REGISTER, "/oauth/token", "/oauth/revoke"])
def test_only_post_is_answered(path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")


# --- Documents -------------------------------------------------------------------------------------------------------

URL = "https://app.example.com/oauth/client.json"
DOCUMENT = {"client_id": URL, "client_name": "Web app", "redirect_uris": [CALLBACK]}
DESCRIBED = {"client_id": URL, "redirect_uris": [CALLBACK]}


class Web:
    """What there is at URLs, and how often it was asked for."""

    def __init__(self) -> None:
        self.document: Any = DOCUMENT | {"grant_types": ["authorization_code", "refresh_token"]}
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.document, GatewayError):
            raise self.document
        return self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    web = Web()
    monkeypatch.setattr(Documents, "fetch", staticmethod(web.fetch))
    monkeypatch.setattr(requests, "get", lambda *_args, **_more: pytest.fail("django-allauth asked by itself"))
    return web


def test_a_client_with_a_document_needs_no_registration(ann: Person, web: Web) -> None:
    page = ann.open(DESCRIBED).content.decode()
    assert "Let “Web app” in?" in page
    assert URL in page
    assert "registered itself" not in page
    told = ann.tokens(DESCRIBED)
    assert refresh(DESCRIBED, told["refresh_token"]).status_code == 200
    assert web.asked == [URL], "read once in an hour"
    assert ClientRecord.objects.get().origin == "cimd"


def test_nobody_makes_us_ask_for_a_document_before_logging_in(web: Web) -> None:
    answer = Client().get(address(DESCRIBED))
    assert (answer.status_code, answer["Location"].startswith("/login?")) == (303, True)
    assert exchange(DESCRIBED, "code").json()["error"] in ("invalid_client", "invalid_request")
    assert web.asked == []


def test_a_document_that_changed_counts_within_an_hour(ann: Person, web: Web) -> None:
    ann.code(DESCRIBED)
    web.document = DOCUMENT | {"redirect_uris": ["https://other.example.com/cb"]}
    assert "code" in returned(ann.open(DESCRIBED))
    ClientRecord.objects.update(fetched_at=timezone.now() - timedelta(hours=2))
    assert ann.open(DESCRIBED).status_code == 400
    assert "code" in returned(ann.open(DESCRIBED, redirect_uri="https://other.example.com/cb"))


def test_where_nobody_registers_no_document_is_asked_for_but_of_who_is_known(
    ann: Person, web: Web, settings: Settings
) -> None:
    settings.OAUTH_REGISTRATION = False
    assert ann.open(DESCRIBED).status_code == 400
    assert web.asked == []
    settings.OAUTH_REGISTRATION = True
    ann.code(DESCRIBED)
    settings.OAUTH_REGISTRATION = False
    ClientRecord.objects.update(fetched_at=timezone.now() - timedelta(hours=2))
    assert "code" in returned(ann.open(DESCRIBED))
    assert web.asked == [URL, URL]


@pytest.mark.parametrize(
    "document",
    [
        DOCUMENT | {"client_id": URL + "x"},
        DOCUMENT | {"redirect_uris": []},
        DOCUMENT | {"redirect_uris": ["javascript:alert(1)"]},
        DOCUMENT | {"token_endpoint_auth_method": "client_secret_basic"},
        {"redirect_uris": [CALLBACK]},
        [],
        b"<html>",
        b"\xff",
        b'{"client_id": NaN}',
        UpstreamTimeout(),
    ],
)
def test_a_document_that_is_not_in_order_lets_nobody_in(ann: Person, web: Web, document: Any) -> None:
    web.document = document
    answer = ann.open(DESCRIBED)
    assert (answer.status_code, "Location" in answer) == (400, False)
    assert not ClientRow.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example.com/client.json",
        "https://app.example.com/",
        "https://app.example.com",
        "https://app.example.com/a/../client.json",
        "https://app.example.com/client.json?x=1",
        "https://app.example.com/client.json#x",
        "https://me@app.example.com/client.json",
        "https://APP.example.com/client.json",
        "https://app.example.com/" + "x" * 100,
        "HTTPS://app.example.com/client.json",
    ],
)
def test_what_is_no_plain_url_is_not_asked_for(ann: Person, web: Web, url: str) -> None:
    assert ann.open(DESCRIBED | {"client_id": url}).status_code == 400
    assert web.asked == []


def test_one_person_makes_us_ask_for_so_many_documents_in_a_minute(ann: Person, web: Web) -> None:
    statuses = [ann.open(DESCRIBED | {"client_id": f"{URL}/{number}"}).status_code for number in range(21)]
    assert statuses == [400] * 20 + [429]
    assert len(web.asked) == 20


# --- Administrators --------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(db: None) -> Person:
    person = Person(an_admin("admin@example.com"), Client())
    person.browser.force_login(person.user)
    return person


def test_a_disabled_client_is_nobody_and_its_tokens_end(ann: Person, admin: Person) -> None:
    client = registered()
    told = ann.tokens(client)
    form = {"client": client["client_id"]}
    assert admin.browser.post("/admin/oauth-clients/disable", form).status_code == 303
    assert not Token.objects.exists()
    assert ann.open(client).status_code == 400
    assert refresh(client, told["refresh_token"]).status_code in (400, 401)
    assert b"Disabled" in admin.browser.get("/admin/oauth-clients").content
    admin.browser.post("/admin/oauth-clients/enable", form)
    assert ann.open(client).status_code in (200, 303)
    actions = set(AuditEntry.objects.filter(object_kind="oauth_clients").values_list("action", flat=True))
    assert actions == {"client.registered", "client.disabled", "client.enabled"}


@pytest.mark.parametrize("key", ["nobody", "no\0body"])
def test_an_unknown_client_is_not_found(admin: Person, key: str) -> None:
    assert admin.browser.post("/admin/oauth-clients/disable", {"client": key}).status_code == 404


def test_a_disabled_client_with_a_document_stays_disabled(ann: Person, admin: Person, web: Web) -> None:
    ann.code(DESCRIBED)
    admin.browser.post("/admin/oauth-clients/disable", {"client": URL})
    ClientRecord.objects.update(fetched_at=None)
    assert ann.open(DESCRIBED).status_code == 400
    assert len(web.asked) == 1


def test_a_deleted_client_takes_its_tokens_with_it(ann: Person, admin: Person) -> None:
    client = registered()
    ann.tokens(client)
    admin.browser.post("/admin/oauth-clients/delete", {"client": client["client_id"]})
    assert not Token.objects.exists()
    assert not ClientRow.objects.exists()


def test_an_administrator_enters_a_client_that_keeps_a_secret(ann: Person, admin: Person) -> None:
    form = {"name": "Portal", "redirect_uris": f"{CALLBACK}\nhttps://b.example.com/cb", "confidential": "on"}
    answer = admin.browser.post("/admin/oauth-clients/new", form)
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    client = answer.context["client"]
    page = ann.open(client).content.decode()
    assert "Let “Portal” in?" in page
    assert "registered itself" not in page
    code = ann.code(client)
    assert exchange(client, code, client_secret=client["client_secret"]).status_code == 200


def test_a_wrong_redirect_uri_is_told_at_its_control(admin: Person) -> None:
    answer = admin.browser.post("/admin/oauth-clients/new", {"name": "x", "redirect_uris": "javascript:x"})
    assert answer.status_code == 422
    assert b"A redirect URI must begin with https://" in answer.content
    assert b"javascript:x" in answer.content


@pytest.mark.parametrize("path", ["", "/new", "/enable", "/disable", "/delete"])
def test_clients_are_for_administrators(path: str) -> None:
    guest = Client()
    guest.force_login(a_user())
    client = registered()
    answer = guest.post(f"/admin/oauth-clients{path}", {"client": client["client_id"]})
    assert answer.status_code in (403, 405)
    assert guest.get("/admin/oauth-clients").status_code == 403
    assert ClientRecord.objects.get().disabled_at is None


# --- Connected apps --------------------------------------------------------------------------------------------------


def test_people_see_what_they_have_let_in_and_end_it(ann: Person) -> None:
    ann.browser.handler.enforce_csrf_checks = False
    assert b"No app is connected" in ann.browser.get("/admin/profile/apps").content
    client = registered(client_name="<i>Desk</i>")
    ann.tokens(client, resource=GATEWAY + "/servers/desk/mcp")
    page = ann.browser.get("/admin/profile/apps").content.decode()
    assert "&lt;i&gt;Desk&lt;/i&gt;" in page
    assert "the server desk" in page
    key = ann.user.consents.get().pk.hex
    stranger = Client()
    stranger.force_login(a_user())
    assert stranger.post(f"/admin/profile/apps/{key}/withdraw").status_code == 404
    assert ann.browser.post(f"/admin/profile/apps/{key}/withdraw").status_code == 303
    assert not Token.objects.exists()
    assert AuditEntry.objects.get(action="consent.withdrawn").actor_email == "ann@example.com"
    assert ann.browser.post("/admin/profile/apps/x/withdraw").status_code == 404
