"""Signing in through a provider: who gets in, as whom, and what is checked on the way."""

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken

from auth_app.models import AuditEntry, SsoProvider, User
from tests.auth.sso.conftest import Wanderer, a_provider
from tests.auth.sso.op import GONE, OpenIdProvider, hs256_with_the_public_key, key, unpadded, unsigned
from tests.builders import a_grant, a_user, an_admin


def test_somebody_new_gets_in_and_is_known_from_then_on(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)

    answer = wanderer.sign_in(op, next="/admin/tools")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/tools")
    assert wanderer.is_in
    person = User.objects.get()
    assert (person.email, person.full_name, person.is_admin) == ("ann@example.com", "Ann", False)
    assert person.auth_provider == SsoProvider.objects.get().slug
    assert not person.has_usable_password()
    assert person.auth_provider == "main"
    account = SocialAccount.objects.get()
    assert (account.user, account.provider, account.uid) == (person, op.issuer, "s-1")
    assert SocialToken.objects.count() == 0
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert actions >= {"user.created", "user.linked", "user.signed_in"}


def test_the_same_subject_is_the_same_person_whatever_the_address(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    wanderer.sign_in(op)
    op.claims |= {"email": "ann.new@example.com"}
    again = Wanderer()
    assert again.sign_in(op).status_code == 302
    assert again.is_in
    assert User.objects.count() == 1


def test_the_question_has_a_state_a_nonce_and_a_challenge(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    first, second = (dict(parse_qsl(urlsplit(wanderer.start()).query)) for _ in range(2))
    assert first["redirect_uri"] == "http://127.0.0.1:8000/auth/sso/callback/main"
    assert (first["scope"], first["code_challenge_method"]) == ("openid email", "S256")
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]


def test_clients_are_told_where_to_send_the_browser(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    callback = "http://127.0.0.1:8000/auth/sso/callback/main"
    told = wanderer.client.get("/auth/sso/login/main", {"redirect_uri": callback}).json()
    assert set(told) == {"authorization_url", "state"}
    assert wanderer.back(op.authorize(told["authorization_url"])).status_code == 302
    assert wanderer.is_in
    elsewhere = wanderer.client.get("/auth/sso/login/main", {"redirect_uri": "https://evil.example.com/"})
    assert elsewhere.status_code == 422
    unknown = wanderer.client.get("/auth/sso/login/nope")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "SSO provider 'nope' not found or disabled")


def test_a_disabled_provider_is_as_if_it_were_not_there(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    url = op.authorize(wanderer.start())
    SsoProvider.objects.update(enabled=False)
    assert wanderer.back(url).status_code == 404
    assert wanderer.client.get("/login/sso/main").status_code == 404
    assert wanderer.client.get("/auth/sso/providers").json() == []
    assert "/token" not in op.paths()


# --- The state --------------------------------------------------------------------------------------------------------


def other_state(wanderer: Wanderer, url: str) -> Any:
    state = parse_qs(urlsplit(url).query)["state"][0]
    return wanderer.back(url.replace(state, "x" * len(state)))


def no_state(wanderer: Wanderer, url: str) -> Any:
    return wanderer.back(url.partition("&state=")[0])


def another_browser(_wanderer: Wanderer, url: str) -> Any:
    return Wanderer().back(url)


def too_late(wanderer: Wanderer, url: str) -> Any:
    session = wanderer.client.session
    states = session["socialaccount_states"]
    session["socialaccount_states"] = {name: (one[0], time.time() - 601, one[2]) for name, one in states.items()}
    session.save()
    return wanderer.back(url)


def another_provider(wanderer: Wanderer, url: str) -> Any:
    return wanderer.back(url.replace("/callback/main", "/callback/other"))


@pytest.mark.parametrize("come_back", [other_state, no_state, another_browser, too_late, another_provider])
def test_a_state_of_another_log_in_asks_the_provider_nothing(
    op: OpenIdProvider, wanderer: Wanderer, come_back: Callable[[Wanderer, str], Any]
) -> None:
    a_provider(op)
    a_provider(op, "other")
    answer = come_back(wanderer, op.authorize(wanderer.start()))
    assert answer.status_code == 400
    assert b"invalid_state" in answer.content
    assert "/token" not in op.paths()
    assert not wanderer.is_in


def test_an_answer_counts_once(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    url = op.authorize(wanderer.start())
    assert wanderer.back(url).status_code == 302
    assert wanderer.back(url).status_code == 400
    assert op.paths().count("/token") == 1


def test_two_answers_in_the_same_moment_count_once(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    url = op.authorize(wanderer.start())
    session = wanderer.client.session
    before = dict(session.items())
    wanderer.back(url)
    twin = Wanderer()
    twin.client.get("/login/sso/main")
    stolen = twin.client.session
    stolen.update(before)
    stolen.save()
    assert twin.back(url).status_code == 400
    assert op.paths().count("/token") == 1


# --- The answer's issuer, and what it says ----------------------------------------------------------------------------


def test_an_answer_of_another_issuer_asks_the_provider_nothing(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    answer = wanderer.sign_in(op, iss="https://evil.example.com")
    assert (answer.status_code, b"sso_rejected" in answer.content) == (403, True)
    assert "/token" not in op.paths()


def test_who_announces_to_name_itself_has_to(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    op.metadata = {"authorization_response_iss_parameter_supported": True}
    assert wanderer.sign_in(op).status_code == 403
    assert "/token" not in op.paths()
    assert Wanderer().sign_in(op, iss=op.issuer).status_code == 302


def test_the_words_of_a_provider_stay_text(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    url = op.authorize(wanderer.start()).replace("code=", "error=server_error&error_description=<img/src=x>&c=")
    answer = wanderer.back(url)
    assert answer.status_code == 403
    assert b"&lt;img/src=x&gt;" in answer.content
    assert b"<img/src" not in answer.content
    assert "/token" not in op.paths()


def test_cancelling_is_said_so(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    answer = wanderer.back(op.authorize(wanderer.start()).replace("code=", "error=access_denied&c="))
    assert (answer.status_code, b"cancelled at Main" in answer.content) == (403, True)


def test_a_code_that_was_used_before_lets_nobody_in(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    url = op.authorize(wanderer.start())
    op.used.add(parse_qs(urlsplit(url).query)["code"][0])
    answer = wanderer.back(url)
    assert answer.status_code == 403
    assert b"&lt;b&gt;That code is no good&lt;/b&gt;" in answer.content
    assert not wanderer.is_in


# --- The ID token -----------------------------------------------------------------------------------------------------


NOW = int(time.time())


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "of another log-in"},
        {"nonce": GONE},
        {"iss": "https://evil.example.com"},
        {"aud": "somebody-else"},
        {"aud": ["gateway", "other"]},
        {"azp": "somebody-else"},
        {"exp": NOW - 3600},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
        {"exp": GONE},
        {"iat": GONE},
        {"sub": GONE},
        {"sub": ""},
        {"sub": "x" * 192},
        {"at_hash": "of another token"},
        {"sub": "somebody-else"},
    ],
)
def test_an_id_token_that_is_wrong_lets_nobody_in(
    op: OpenIdProvider, wanderer: Wanderer, change: dict[str, Any]
) -> None:
    a_provider(op)
    op.changes, op.userinfo = change, dict(op.claims)
    answer = wanderer.sign_in(op)
    assert (answer.status_code, b"sso_rejected" in answer.content) == (403, True), answer.content
    assert not wanderer.is_in
    assert not User.objects.exists()
    noted = AuditEntry.objects.get(action="sso.rejected")
    assert noted.object_id == "main"
    assert noted.changes["why"]


@pytest.mark.parametrize("signs", [unsigned, hs256_with_the_public_key, str, len])
def test_an_id_token_that_is_not_signed_lets_nobody_in(
    op: OpenIdProvider, wanderer: Wanderer, signs: Callable[[dict[str, Any]], str]
) -> None:
    a_provider(op)
    op.signs = signs
    assert wanderer.sign_in(op).status_code == 403
    assert not User.objects.exists()


def test_a_signature_by_somebody_elses_key_lets_nobody_in(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    op.signs = lambda claims: jwt.encode(claims, key(7), "RS256", headers={"kid": "k0"})
    assert wanderer.sign_in(op).status_code == 403


def test_an_access_token_has_to_be_named_where_the_row_says_so(op: OpenIdProvider, wanderer: Wanderer) -> None:
    provider = a_provider(op, requires_at_hash=True)
    op.changes = {"at_hash": GONE}
    assert wanderer.sign_in(op).status_code == 403
    provider.requires_at_hash = False
    provider.save()
    assert wanderer.sign_in(op).status_code == 302


def test_new_keys_are_found_and_made_up_ones_are_not_looked_for_each_time(
    op: OpenIdProvider, wanderer: Wanderer
) -> None:
    a_provider(op)
    assert wanderer.sign_in(op).status_code == 302
    op.key_number, op.published = 1, [1]
    assert Wanderer().sign_in(op).status_code == 302
    assert op.paths().count("/jwks") == 2
    op.key_number = 2
    for _ in range(3):
        assert Wanderer().sign_in(op).status_code == 403
    assert op.paths().count("/jwks") == 2


# --- A provider that is not well --------------------------------------------------------------------------------------


def another_issuer(op: OpenIdProvider) -> None:
    op.metadata = {"issuer": op.issuer + "/"}


def huge(op: OpenIdProvider) -> None:
    op.metadata = {"padding": "x" * 300_000}


def metadata_service(op: OpenIdProvider) -> None:
    op.metadata = {"token_endpoint": "http://169.254.169.254/latest/meta-data"}


def redirects(op: OpenIdProvider) -> None:
    def send_elsewhere(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("location", f"{op.issuer}/me")
        handler.send_header("content-length", "0")
        handler.end_headers()

    op.answers["/token"] = send_elsewhere


def no_json(op: OpenIdProvider) -> None:
    def say(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "2")
        handler.end_headers()
        handler.wfile.write(b"<>")

    op.answers["/jwks"] = say


def hangs(op: OpenIdProvider) -> None:
    op.answers["/token"] = lambda handler: time.sleep(1)


@pytest.mark.parametrize("trouble", [another_issuer, huge, metadata_service, redirects, no_json, hangs])
def test_a_provider_that_is_not_well_is_said_to_be_so(
    op: OpenIdProvider, wanderer: Wanderer, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[OpenIdProvider], None]
) -> None:
    monkeypatch.setattr("auth_app.sso.outgoing.ANSWERS_WITHIN_S", 0.3)
    a_provider(op)
    trouble(op)
    answer = wanderer.client.get("/login/sso/main")
    if answer.status_code == 302:
        answer = wanderer.back(op.authorize(answer["Location"]))
    assert answer.status_code == 503, answer.content
    assert answer["Retry-After"]
    assert not wanderer.is_in


# --- Who it is here ---------------------------------------------------------------------------------------------------


def test_a_verified_address_links_only_where_the_row_says_so(op: OpenIdProvider, wanderer: Wanderer) -> None:
    provider = a_provider(op)
    person = a_user("Ann@Example.com".lower())
    answer = wanderer.sign_in(op)
    assert (answer.status_code, SocialAccount.objects.count()) == (403, 0)
    provider.link_by_email = True
    provider.save()
    op.claims["email_verified"] = False
    assert Wanderer().sign_in(op).status_code == 403
    op.claims["email_verified"] = True
    assert wanderer.sign_in(op).status_code == 302
    assert SocialAccount.objects.get().user == person


def test_the_right_address_at_another_issuer_is_somebody_else(op: OpenIdProvider, wanderer: Wanderer) -> None:
    """A row that is pointed elsewhere does not bring the people of before."""
    a_provider(op)
    wanderer.sign_in(op)
    SocialAccount.objects.update(provider="https://id.before.example.com")
    answer = Wanderer().sign_in(op)
    assert (answer.status_code, User.objects.count()) == (403, 1)


@pytest.mark.parametrize(
    ("row", "claims"),
    [
        ({}, {"email_verified": False}),
        ({}, {"email_verified": "yes"}),
        ({}, {"email": ""}),
        ({"trusted_domains": ["example.org"]}, {}),
        ({"trusted_domains": ["example.com"]}, {"email": "ann@evil.example.com"}),
        ({"trusted_domains": ["example.com"]}, {"email": "ann@example.com@evil.org"}),
        ({"auto_create": False}, {}),
    ],
)
def test_whom_the_row_does_not_let_in_stays_out(
    op: OpenIdProvider, wanderer: Wanderer, row: dict[str, Any], claims: dict[str, Any]
) -> None:
    a_provider(op, **row)
    op.claims |= claims
    answer = wanderer.sign_in(op)
    assert (answer.status_code, b"sso_rejected" in answer.content) == (403, True)
    assert not User.objects.exists()


def test_domains_hold_for_people_who_are_known_too(op: OpenIdProvider, wanderer: Wanderer) -> None:
    provider = a_provider(op)
    wanderer.sign_in(op)
    provider.trusted_domains = ["example.org"]
    provider.save()
    assert Wanderer().sign_in(op).status_code == 403


def test_addresses_count_as_verified_where_the_row_says_so(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op, trusts_email=True)
    del op.claims["email_verified"]
    assert wanderer.sign_in(op).status_code == 302


def test_verified_is_the_address_that_was_said_to_be(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    op.userinfo = {"sub": "s-1", "email": "other@example.com", "email_verified": True}
    op.claims["email_verified"] = False
    assert wanderer.sign_in(op).status_code == 403


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"sub": "s\x00"}, 403),
        ({"sub": "s\ud800"}, 403),
        ({"sub": 7}, 403),
        ({"email": "ann\x00@example.com"}, 403),
        ({"email": ["ann@example.com"]}, 403),
        ({"email": "x" * 300 + "@example.com"}, 403),
        ({"name": "A\x00nn\ud800 \u202e"}, 302),
        ({"name": {"first": "Ann"}}, 302),
        ({"level": 10**30}, 302),
        ({"odd": "\ud800"}, 302),
        ({"groups": [[[]], None, 1.5, {"a": "b"}]}, 302),
        ({"sid": "\x00" * 400}, 302),
    ],
)
def test_odd_claims_break_nothing(op: OpenIdProvider, wanderer: Wanderer, claims: dict[str, Any], status: int) -> None:
    a_provider(op, rules=[{"claim": "groups", "op": "contains", "value": "x", "gives": "administrator", "role": "",
                           "team": ""}])  # fmt: skip
    op.metadata = {"userinfo_endpoint": "", "token_endpoint_auth_methods_supported": 7, "claims_supported": {}}
    op.claims |= claims
    assert wanderer.sign_in(op).status_code == status


def test_a_token_that_is_nested_without_end_breaks_nothing(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    nested = unpadded(b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}")
    op.signs = lambda _claims: f"{unpadded(b'{"alg":"RS256","kid":"k0"}')}.{nested}.eA"
    assert wanderer.sign_in(op).status_code == 403


@pytest.mark.parametrize("words", ["%00", "%ff", "%ed%a0%80", "x" * 3000])
def test_odd_words_of_a_provider_break_nothing(op: OpenIdProvider, wanderer: Wanderer, words: str) -> None:
    a_provider(op)
    url = op.authorize(wanderer.start()).replace("code=", f"error={words}&error_description={words}&c=")
    assert wanderer.back(url).status_code == 403
    assert wanderer.back(f"/auth/sso/callback/main?state={words}&code=x").status_code == 400
    assert wanderer.back(op.authorize(wanderer.start(), iss=f"%C3%A9{words}")).status_code == 403
    assert wanderer.client.get(f"/login/sso/{words}").status_code == 404


def test_an_administrator_is_not_somebody_by_an_address_alone(op: OpenIdProvider, wanderer: Wanderer) -> None:
    provider = a_provider(op, link_by_email=True)
    an_admin("ann@example.com")
    assert wanderer.sign_in(op).status_code == 403
    op.claims["groups"] = ["admins"]
    provider.rules = [{"claim": "groups", "op": "contains", "value": "admins", "gives": "administrator", "role": "",
                       "team": ""}]  # fmt: skip
    provider.save()
    assert wanderer.sign_in(op).status_code == 302


def test_nor_is_whoever_has_the_role_of_one(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op, link_by_email=True)
    a_grant(a_user("ann@example.com"), "platform_admin")
    assert wanderer.sign_in(op).status_code == 403
    assert not SocialAccount.objects.exists()


def test_somebody_who_is_locked_stays_out(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    wanderer.sign_in(op)
    User.objects.update(is_active=False)
    again = Wanderer()
    assert again.sign_in(op).status_code == 403
    assert not again.is_in


def test_the_log_in_page_offers_providers(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op, display_name="<b>Main</b>")
    page = wanderer.client.get("/login", {"next": "/admin/tools"}).content.decode()
    assert '/login/sso/main?next=/admin/tools"' in page.replace("%2F", "/")
    assert "&lt;b&gt;Main" in page
    offers = wanderer.client.get("/auth/sso/providers").json()
    assert offers == [{"id": "main", "name": "main", "display_name": "<b>Main</b>", "authorization_url": None}]
