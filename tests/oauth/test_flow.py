"""Letting a client in, from its registration to its tokens; and everything on the way that must not work."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.idp.oidc.internal.oauthlib import authorization_codes
from allauth.idp.oidc.models import Client as ClientRow
from allauth.idp.oidc.models import Token
from django.test import Client
from django.utils import timezone

from auth_app.models import AuditEntry, ClientRecord, Consent, SpentSecret
from auth_app.oauth import pages, work
from auth_app.oauth.families import work as families
from tests.builders import a_token, a_user
from tests.oauth.conftest import CALLBACK, GATEWAY, Person, address, exchange, refresh, registered, returned

pytestmark = pytest.mark.django_db

ACCESS, REFRESH = Token.Type.ACCESS_TOKEN, Token.Type.REFRESH_TOKEN


def test_a_client_is_let_in_and_gets_tokens_for_what_it_asked(ann: Person) -> None:
    client = registered()
    said = returned(ann.answer(client))
    assert (said["state"], said["iss"]) == ("a-state", GATEWAY)
    answer = exchange(client, said["code"])
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    told = answer.json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 3600, "mcp:read mcp:call")
    row = Token.objects.get(type=ACCESS)
    consent = Consent.objects.get()
    assert (row.user_id, row.get_resources()) == (ann.user.pk, [GATEWAY + "/mcp"])
    assert (consent.user_id, consent.client_id, consent.scopes) == (
        ann.user.pk, client["client_id"], ["mcp:read", "mcp:call"],
    )  # fmt: skip
    assert set(AuditEntry.objects.values_list("action", "actor_email")) == {
        ("client.registered", ""),
        ("consent.given", "ann@example.com"),
    }


def test_no_secret_is_kept_or_audited_as_it_is(ann: Person) -> None:
    client = registered(token_endpoint_auth_method="client_secret_basic")
    secret = client["client_secret"]
    row = ClientRow.objects.get()
    assert row.secret.startswith("sha256$")
    assert secret not in str(row.__dict__)
    assert not any(secret in str(entry.changes) for entry in AuditEntry.objects.all())


def test_whoever_is_not_signed_in_logs_in_first_and_comes_back(db: None) -> None:
    answer = Client().get(address(registered()))
    assert answer.status_code == 303
    assert answer["Location"].startswith("/login?next=%2Foauth%2Fauthorize%3F")


def test_who_says_no_sends_the_client_away(ann: Person) -> None:
    said = returned(ann.answer(registered(), "deny"))
    assert (said["error"], said["state"], said["iss"]) == ("access_denied", "a-state", GATEWAY)
    assert not Consent.objects.exists()


def test_the_page_says_who_asks_for_what_and_where_the_answer_goes(ann: Person) -> None:
    client = registered("http://127.0.0.1:4321/cb", client_name='<b>Evil</b> "x"\u202e')
    page = ann.open(client, resource=GATEWAY + "/servers/desk/mcp", scope="mcp:read")
    text = page.content.decode()
    assert page.status_code == 200
    assert "&lt;b&gt;Evil&lt;/b&gt; &quot;x&quot;" in text
    assert "\u202e" not in text
    assert "<strong>127.0.0.1:4321</strong>" in text
    assert "the server desk" in text
    assert "See which tools" in text
    assert "Call tools" not in text
    assert "program on your own machine" in text
    assert "registered itself" in text
    assert page["X-Frame-Options"] == "DENY"
    policy = page["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:4321" in policy


def test_a_token_of_the_api_lets_no_client_in(ann: Person) -> None:
    bearer = Client(headers={"authorization": f"Bearer {a_token(ann.user)}"})
    assert bearer.get(address(registered())).status_code == 403


def test_without_the_security_token_of_the_page_nobody_is_let_in(ann: Person) -> None:
    client = registered()
    answer = ann.browser.post(address(client), {"answer": "allow"})
    assert answer.status_code == 403
    assert not Consent.objects.exists()


# --- Where the answer goes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        CALLBACK + "/",
        CALLBACK + "?x=1",
        CALLBACK + "#here",
        CALLBACK + "/../callback",
        CALLBACK.replace("callback", "Callback"),
        CALLBACK.replace("client.", "client.evil."),
        CALLBACK.replace("client.example.com", "client.example.com:444"),
        CALLBACK.replace("client.example.com", "client.example.com@evil.example"),
        CALLBACK.replace("https://", "https://user@"),
        CALLBACK.replace("https", "http"),
        CALLBACK[:-1],
        "javascript:alert(1)",
        "//client.example.com/callback",
        "",
        None,
    ],
)
def test_nobody_is_sent_anywhere_but_to_what_was_registered(ann: Person, uri: str | None) -> None:
    answer = ann.open(registered(), redirect_uri=uri)
    assert answer.status_code == 400
    assert "Location" not in answer


def test_an_unknown_client_is_400_and_no_redirect(ann: Person) -> None:
    answer = ann.open({"client_id": "nobody", "redirect_uris": [CALLBACK]})
    assert (answer.status_code, "Location" in answer) == (400, False)


def test_a_program_on_ones_machine_may_listen_at_any_port_and_nothing_else_may_differ(ann: Person) -> None:
    client = registered("http://127.0.0.1:1000/cb?a=b")
    assert ann.open(client, redirect_uri="http://127.0.0.1:65000/cb?a=b").status_code == 200
    for other in ("http://localhost:1000/cb?a=b", "http://127.0.0.1:1000/cb", "https://127.0.0.1:1000/cb?a=b"):
        assert ann.open(client, redirect_uri=other).status_code == 400, other


# --- What is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"resource": "https://other.example.com/mcp"}, "invalid_target"),
        ({"resource": GATEWAY + "/mcp/more"}, "invalid_target"),
        ({"resource": GATEWAY + "/admin"}, "invalid_target"),
        ({"resource": GATEWAY + ".evil.example/mcp"}, "invalid_target"),
        ({"prompt": "none"}, "consent_required"),
        ({"response_mode": "fragment"}, "invalid_request"),
    ],
)
def test_what_is_wrong_is_told_to_the_client_with_our_name(
    ann: Person, asked: dict[str, str | None], error: str
) -> None:
    said = returned(ann.open(registered(), **asked))
    assert (said["error"], said["state"], said["iss"]) == (error, "a-state", GATEWAY)


def test_who_names_no_resource_and_no_scope_asks_for_everything(ann: Person) -> None:
    ann.tokens(registered(), resource=None, scope=None)
    assert Token.objects.get(type=ACCESS).get_resources() == [GATEWAY + "/mcp"]
    assert Consent.objects.get().scopes == ["mcp:read", "mcp:call"]


def test_scopes_of_others_are_passed_over(ann: Person) -> None:
    assert ann.tokens(registered(), scope="openid offline_access mcp:read")["scope"] == "mcp:read"


def test_a_second_resource_is_refused(ann: Person) -> None:
    client = registered()
    answer = ann.browser.get(address(client) + f"&resource={GATEWAY}/rpc")
    assert returned(answer)["error"] == "invalid_target"


# --- Consent ---------------------------------------------------------------------------------------------------------


def test_what_was_allowed_is_not_asked_again_and_more_is(ann: Person) -> None:
    client = registered()
    ann.code(client, scope="mcp:read")
    assert "code" in returned(ann.open(client, scope="mcp:read"))
    assert ann.open(client, scope="mcp:read mcp:call").status_code == 200
    assert ann.open(client, scope="mcp:read", resource=GATEWAY + "/rpc").status_code == 200
    assert ann.open(client, scope="mcp:read", prompt="consent").status_code == 200


def test_a_consent_that_is_withdrawn_at_the_same_moment_is_not_made_anew(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = registered()
    ann.code(client)
    monkeypatch.setattr(pages, "_may_pass", lambda _visit: bool(Consent.objects.all().delete()))
    assert returned(ann.open(client))["error"] == "consent_required"
    assert not Consent.objects.exists()


def test_what_is_remembered_is_audited_once(ann: Person) -> None:
    client = registered()
    ann.code(client)
    given_at = Consent.objects.get().given_at
    assert "code" in returned(ann.open(client))
    assert AuditEntry.objects.filter(action="consent.given").count() == 1
    assert Consent.objects.get().given_at == given_at


def test_a_program_on_ones_machine_asks_every_time(ann: Person) -> None:
    client = registered("http://localhost:1/cb")
    ann.code(client)
    assert ann.open(client).status_code == 200


def test_the_consent_of_one_client_is_not_anothers_and_not_another_persons(ann: Person) -> None:
    one, other = registered(), registered()
    ann.code(one)
    assert ann.open(other).status_code == 200
    assert Person(a_user()).open(one).status_code == 200


def test_a_consent_that_was_withdrawn_ends_its_tokens_and_its_code(ann: Person) -> None:
    client = registered()
    told, code = ann.tokens(client), returned(ann.open(client))["code"]
    other = Person(a_user())
    other.tokens(client)
    consent = Consent.objects.get(user=ann.user)
    assert other.browser.post(f"/admin/profile/apps/{consent.pk.hex}/withdraw").status_code == 403
    work.withdraw(actor_of(ann), consent.pk.hex, work_stamp())
    assert set(Token.objects.values_list("user_id", flat=True)) == {other.user.pk}
    assert exchange(client, code).json()["error"] == "invalid_grant"
    assert refresh(client, told["refresh_token"]).json()["error"] == "invalid_grant"


def actor_of(person: Person) -> Any:
    from auth_app.users.work import load_actor

    return load_actor(person.user.pk, person.user.email, is_admin=False)


def work_stamp() -> Any:
    from auth_app.stamps import Stamp

    return Stamp(email="ann@example.com")


# --- Codes and refresh tokens ----------------------------------------------------------------------------------------


def test_a_code_that_comes_back_ends_everything_that_came_of_it(ann: Person) -> None:
    client = registered()
    code = ann.code(client)
    first = exchange(client, code).json()
    rotated = refresh(client, first["refresh_token"]).json()
    apart = ann.tokens(client, prompt="consent")
    assert Token.objects.filter(type=ACCESS).count() == 3
    again = exchange(client, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert refresh(client, rotated["refresh_token"]).status_code == 400
    assert Token.objects.filter(type=ACCESS).count() == 1, "another log-in of the same client goes on"
    assert refresh(client, apart["refresh_token"]).status_code == 200
    assert AuditEntry.objects.get(action="token.reused").actor_email == "ann@example.com"


def test_two_who_bring_a_code_at_the_same_time_get_no_more_than_one(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = registered()
    code = ann.code(client)
    stored = authorization_codes.lookup(client["client_id"], code)
    assert exchange(client, code).status_code == 200
    # The other one has looked before the first was done, and then waited for it.
    monkeypatch.setattr(authorization_codes, "lookup", lambda *_: stored)
    monkeypatch.setattr(families, "spent", _blind_once(families.spent))
    assert exchange(client, code).json()["error"] == "invalid_grant"
    assert not Token.objects.exists()


def _blind_once(real: Any) -> Any:
    seen: list[str] = []

    def spent(key: str) -> Any:
        seen.append(key)
        return None if len(seen) == 1 else real(key)

    return spent


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "another-verifier-that-is-long-enough-for-the-rules"},
        {"code_verifier": ""},
        {"redirect_uri": CALLBACK + "/"},
        {"code": "unknown"},
        {"resource": GATEWAY + "/rpc"},
        {"client_id": "nobody"},
        {"client_id": "nob\0dy"},
        {"grant_type": "client_credentials"},
        {"grant_type": "password"},
    ],
)
def test_a_code_is_good_only_with_all_that_belongs_to_it(ann: Person, wrong: dict[str, str]) -> None:
    client = registered()
    code = ann.code(client)
    answer = exchange(client, code, **wrong)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"]
    assert not Token.objects.exists()
    assert exchange(client, code).status_code == 200, "nobody else can use it up"


def test_a_code_is_good_for_its_own_client_only(ann: Person) -> None:
    client, thief = registered(), registered()
    code = ann.code(client)
    assert exchange(thief, code).json()["error"] == "invalid_grant"


def test_a_refresh_token_is_exchanged_for_another_one(ann: Person) -> None:
    client = registered()
    first = ann.tokens(client)
    second = refresh(client, first["refresh_token"], resource=GATEWAY + "/mcp").json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert Token.objects.filter(type=REFRESH).count() == 1
    narrower = refresh(client, second["refresh_token"], scope="mcp:read").json()
    assert narrower["scope"] == "mcp:read"
    assert refresh(client, narrower["refresh_token"], scope="mcp:read mcp:call").json()["error"] == "invalid_scope"


def test_a_refresh_token_that_comes_back_later_ends_its_family(ann: Person) -> None:
    client = registered()
    first = ann.tokens(client)
    second = refresh(client, first["refresh_token"]).json()
    at_once = refresh(client, first["refresh_token"])
    assert (at_once.status_code, at_once.json()["error"]) == (400, "invalid_grant")
    assert Token.objects.exists(), "two threads of one client are no theft"
    SpentSecret.objects.update(at=timezone.now() - timedelta(seconds=11))
    assert refresh(client, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert not Token.objects.exists()
    assert refresh(client, second["refresh_token"]).status_code == 400


def test_a_refresh_token_is_good_for_its_own_client_and_resource_only(ann: Person) -> None:
    client, thief = registered(), registered()
    told = ann.tokens(client)
    assert refresh(thief, told["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(client, told["refresh_token"], resource=GATEWAY + "/rpc").json()["error"] == "invalid_target"
    assert refresh(client, told["refresh_token"]).status_code == 200


def test_who_is_locked_out_refreshes_nothing(ann: Person) -> None:
    client = registered()
    told = ann.tokens(client)
    ann.user.is_active = False
    ann.user.save()
    assert refresh(client, told["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_client_that_keeps_a_secret_proves_it(ann: Person) -> None:
    for method in ("client_secret_basic", "client_secret_post"):
        client = registered(token_endpoint_auth_method=method)
        code = ann.code(client)
        assert exchange(client, code).status_code == 401
        assert exchange(client, code, client_secret="wrong").json()["error"] == "invalid_client"
        assert exchange(client, code, client_secret=client["client_secret"]).status_code == 200


def test_a_client_without_the_grant_gets_no_refresh_token(ann: Person) -> None:
    assert "refresh_token" not in ann.tokens(registered(grant_types=["authorization_code"]))


def test_a_client_gives_its_tokens_back(ann: Person) -> None:
    client, other = registered(), registered()
    told = ann.tokens(client)
    form = {"client_id": other["client_id"], "token": told["refresh_token"]}
    assert Client().post("/oauth/revoke", form).status_code == 200
    assert Token.objects.count() == 2, "not those of another client"
    form["client_id"] = client["client_id"]
    assert Client().post("/oauth/revoke", form).status_code == 200
    assert not Token.objects.exists()
    assert AuditEntry.objects.get(action="token.revoked").actor_email == "ann@example.com"


# --- Cleaning up -----------------------------------------------------------------------------------------------------


def test_what_has_ended_is_deleted(ann: Person) -> None:
    ann.tokens(registered())
    unused = registered()
    used = ClientRecord.objects.exclude(pk=unused["client_id"]).get().pk
    assert work.clean_up() == {"tokens": 0, "spent": 0, "clients": 0}
    in_two_days = timezone.now() + timedelta(days=2)
    assert work.clean_up(in_two_days) == {"tokens": 1, "spent": 0, "clients": 1}
    assert [record.pk for record in ClientRecord.objects.all()] == [used]
    in_a_year = timezone.now() + timedelta(days=365)
    assert work.clean_up(in_a_year) == {"tokens": 1, "spent": 1, "clients": 1}
    assert not Consent.objects.exists()


def test_a_familys_id_is_one_for_a_whole_log_in(ann: Person) -> None:
    client = registered()
    told = ann.tokens(client)
    before = {(row.data or {})["family"] for row in Token.objects.all()}
    refresh(client, told["refresh_token"])
    assert {(row.data or {})["family"] for row in Token.objects.all()} == before
    assert len(before) == 1
