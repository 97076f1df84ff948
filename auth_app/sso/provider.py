"""django-allauth's OpenID Connect and OAuth 2, with what it leaves out.

Its own code reads an ID token without looking at the signature, sends no nonce, takes any issuer's metadata for the
one that was asked for, and calls other servers through a client without our bounds. It keeps the state and the PKCE
verifier, and everything that follows once it is known who came.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Client
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from auth_app.sso.discovery import Json, configuration, listed
from auth_app.sso.errors import SsoRejected
from auth_app.sso.id_tokens import read_id_token
from auth_app.sso.outgoing import fetch_json, post_form
from gatewaysite.secrets import seal
from gatewaysite.validation import NOT_IN_A_LINE

LONGEST_SUBJECT, LONGEST_EMAIL = 191, 254
LONGEST_CLAIMS = 64 * 1024
# Said of the token, not of the person.
PROTOCOL_CLAIMS = frozenset(
    ["aud", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "s_hash", "jti", "azp", "sid", "auth_time", "acr", "amr"]
)


@dataclass(frozen=True, kw_only=True)
class ProviderEntry:
    """A provider's row as plain data, with its secret opened."""

    id: UUID
    slug: str
    name: str
    kind: str
    preset: str
    issuer: str
    client_id: str
    secret: str
    scopes: tuple[str, ...]
    authorization_url: str
    token_url: str
    userinfo_url: str
    trusts_email: bool
    requires_at_hash: bool

    @property
    def callback_url(self) -> str:
        return callback_url_of(self.slug)


def callback_url_of(slug: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse('openid_connect_callback', args=[slug])}"


def app_of(entry: ProviderEntry) -> SocialApp:
    """What allauth knows a provider by; it is not stored."""
    app = SocialApp(
        provider="openid_connect",
        provider_id=entry.slug,
        name=entry.name,
        client_id=entry.client_id,
        secret=entry.secret,
        settings={"oauth_pkce_enabled": True, "scope": list(entry.scopes)},
    )
    app.entry = entry  # type: ignore[attr-defined]  # rides along
    return app


class Client(OAuth2Client):
    def get_redirect_url(self, authorization_url: str, scope: list[str], extra_params: Mapping[str, Any]) -> str:
        """The scopes in their order, and a query the address may have already."""
        asked = {
            "client_id": self.consumer_key,
            "response_type": "code",
            "redirect_uri": self.callback_url,
            "state": self.state,
            "scope": " ".join(scope),
            **extra_params,
        }
        return f"{authorization_url}{'&' if '?' in authorization_url else '?'}{urlencode(asked)}"

    def get_access_token(self, code: str, pkce_code_verifier: str | None = None, extra_data: Any = None) -> Json:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback_url,
            "code_verifier": pkce_code_verifier or "",
        }
        headers = {}
        if self.basic_auth:
            pair = f"{quote(self.consumer_key, safe='')}:{quote(self.consumer_secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self.consumer_key} | (
                {"client_secret": self.consumer_secret} if self.consumer_secret else {}
            )
        status, found = post_form(self.access_token_url, form, headers)
        if status not in {200, 201} or not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
            # GitHub says so with 200.
            raise SsoRejected(f"The provider did not take the code{_words(found)}")
        return found


def _words(found: Any) -> str:
    said = found if isinstance(found, Mapping) else {}
    words = [str(said[name])[:300] for name in ("error", "error_description") if said.get(name)]
    return f": {': '.join(words)}" if words else "."


class Adapter(OpenIDConnectOAuth2Adapter):
    client_class = Client

    def __init__(self, request: HttpRequest, provider_id: str, entry: ProviderEntry) -> None:
        super().__init__(request, provider_id)
        self.entry = entry
        self.nonce = ""

    @property
    def openid_config(self) -> Json:
        """Of plain OAuth 2 what the row says."""
        if self.entry.kind == "oidc":
            return configuration(self.entry.issuer)
        return {
            "issuer": self.entry.issuer,
            "authorization_endpoint": self.entry.authorization_url,
            "token_endpoint": self.entry.token_url,
            "userinfo_endpoint": self.entry.userinfo_url,
        }

    @property
    def basic_auth(self) -> bool:  # type: ignore[override]
        """As the provider says, which has to take basic if it says nothing. Without a secret there is none."""
        methods = listed(self.openid_config, "token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return self.entry.kind == "oidc" and bool(self.entry.secret) and "client_secret_basic" in methods

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return self.entry.callback_url

    def check_issuer(self, told: str | None) -> None:
        """RFC 9207: an answer that names its issuer names the one that was asked; who says that it does, does.

        Plain OAuth 2 has no issuers; there the callback, which is each row's own, tells providers apart.
        """
        if self.entry.kind != "oidc":
            return
        expected = self.openid_config["issuer"]
        announced = self.openid_config.get("authorization_response_iss_parameter_supported") is True
        if (told is None and announced) or (told is not None and told != expected):
            raise SsoRejected("The answer came from another provider than the one that was asked.")

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        found = self._of_openid(kwargs["response"]) if self.entry.kind == "oidc" else self._of_oauth(token.token)
        return Provider(request, app=app).sociallogin_from_response(request, found)

    def _of_openid(self, response: Json) -> Json:
        signed = read_id_token(
            response.get("id_token", ""),
            self.openid_config,
            self.entry.client_id,
            nonce=self.nonce,
            access_token=response["access_token"],
            needs_at_hash=self.entry.requires_at_hash,
        )
        told = self._userinfo(response["access_token"]) if self.openid_config.get("userinfo_endpoint") else {}
        if told and told.get("sub") != signed["sub"]:
            raise SsoRejected("The provider told of another person than the ID token.")
        claims = told | signed
        # Verified is what the same source says of the same address.
        said = [one for one in (signed, told) if one.get("email") == claims.get("email")]
        return {
            "claims": claims | {"email_verified": any(one.get("email_verified") in (True, "true") for one in said)},
            "id_token": response["id_token"],
            "end_session": self.openid_config.get("end_session_endpoint", ""),
        }

    def _of_oauth(self, access_token: str) -> Json:
        """GitHub's way, as GitHub Enterprise has it too: addresses and organisations stand below the person."""
        person, url = self._userinfo(access_token), self.entry.userinfo_url
        if self.entry.preset == "github":
            addresses = _dicts(self._ask(f"{url}/emails", access_token))
            primary = next((one for one in addresses if one.get("primary")), {})
            person |= {"email": primary.get("email"), "email_verified": primary.get("verified") is True}
            if "read:org" in self.entry.scopes:
                person["groups"] = [one.get("login") for one in _dicts(self._ask(f"{url}/orgs", access_token))]
        return {"claims": person | {"sub": str(person.get("sub") or person.get("id") or "")}}

    def _userinfo(self, access_token: str) -> Json:
        found = self._ask(self.openid_config["userinfo_endpoint"], access_token)
        if not isinstance(found, dict):
            raise SsoRejected("The provider told nothing of the person.")
        return found

    def _ask(self, url: str, access_token: str) -> Any:
        return fetch_json(url, {"authorization": f"Bearer {access_token}"})


def _dicts(found: Any) -> list[Json]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


class Provider(OpenIDConnectProvider):
    oauth2_adapter_class = Adapter  # type: ignore[assignment]  # made with its entry, below

    @property
    def entry(self) -> ProviderEntry:
        found: ProviderEntry = self.app.entry
        return found

    def get_oauth2_adapter(self, request: HttpRequest) -> Adapter:
        return Adapter(request, self.app.provider_id, self.entry)

    def begin(self, request: HttpRequest, next_url: str) -> HttpResponseBase:
        """Send the browser there. The nonce stays with the state, in this browser's session."""
        nonce = secrets.token_urlsafe(32)
        params = {"nonce": nonce} if self.entry.kind == "oidc" else {}
        answer: HttpResponseRedirect = self.redirect(
            request, "login", next_url=next_url, data={"nonce": nonce}, auth_params=params
        )
        return answer

    def sociallogin_from_response(self, request: HttpRequest, response: Json) -> SocialLogin:
        """Who came, by issuer and subject: another issuer in the same row brings other people."""
        claims = response["claims"]
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or NOT_IN_A_LINE.search(subject):
            raise SsoRejected("The provider does not say who it is.")
        login: SocialLogin = super().sociallogin_from_response(request, claims)
        login.account.provider = self.entry.issuer
        arrival = Arrival(
            self.entry,
            {name: value for name, value in claims.items() if name not in PROTOCOL_CLAIMS},
            session={
                "provider": self.entry.id.hex,
                "subject": subject,
                "sid": NOT_IN_A_LINE.sub("", str(claims.get("sid", "")))[:255],
                "end": seal({"url": response["end_session"], "hint": response["id_token"]})
                if response.get("end_session")
                else "",
            },
        )
        login.arrival = arrival  # type: ignore[attr-defined]  # rides along
        login.account.extra_data = {"sealed": arrival.sealed_claims()}
        return login

    def extract_uid(self, data: Json) -> str:
        return str(data["sub"])

    def extract_common_fields(self, data: Json) -> Json:
        """Nothing: what a person is called is ours to decide, and addresses are in no table of allauth's."""
        return {}

    def extract_email_addresses(self, data: Json) -> list[Any]:
        return []

    def serialize(self) -> Json:
        return {"id": self.app.provider_id}


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody a provider vouches for: its claims of the person, and what our session remembers of theirs."""

    entry: ProviderEntry
    claims: Json
    session: dict[str, str]

    @property
    def subject(self) -> str:
        return str(self.claims["sub"])

    @property
    def email(self) -> str:
        """Nothing, if it is none."""
        email = str(self.claims.get("email") or "").strip()
        try:
            validate_email(email)
        except ValidationError:
            return ""
        return email if len(email) <= LONGEST_EMAIL else ""

    @property
    def email_verified(self) -> bool:
        return self.entry.trusts_email or self.claims.get("email_verified") is True

    @property
    def full_name(self) -> str:
        return NOT_IN_A_LINE.sub("", str(self.claims.get("name") or ""))[:200]

    def sealed_claims(self) -> str:
        """For the preview of rules; of too many only the subject stays."""
        try:
            sealed = seal({"claims": self.claims})
        except TypeError:  # numbers, nesting or letters that nobody can write down
            sealed = ""
        return sealed if 0 < len(sealed) <= LONGEST_CLAIMS else seal({"claims": {"sub": self.subject}})
