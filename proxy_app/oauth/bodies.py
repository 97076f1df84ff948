"""How a gateway's OAuth is said in a JSON body, and what is stored of it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from django.conf import settings
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from gatewaysite.errors import FieldError
from gatewaysite.secrets import seal
from gatewaysite.validation import MASK, NOT_IN_A_LINE, Body, bad_field, not_the_mask
from proxy_app.oauth.terms import CODE, CREDENTIALS, Config, redirect_uri
from proxy_app.upstream.addresses import AddressNotAllowed, check_url

SECRET = "client_secret"  # noqa: S105 (a name)
URLS = ("issuer", "authorization_url", "token_url")
# Whose secret it is: with another of these, the stored one is not for it.
SECRET_IS_FOR = ("client_id", "issuer", "token_url")
# What is so anyway is not stored.
USUAL = {**asdict(Config()), "scopes": []}
# What the gateway says itself when it sends somebody away.
OURS = frozenset(
    {"response_type", "client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method", "resource"}
    | {"scope", "audience", "client_secret", "response_mode", "request", "request_uri", "nonce"}
)


def _plain(text: str) -> str:
    if NOT_IN_A_LINE.search(text):
        raise PydanticCustomError("unprintable", "Control characters do not belong here")
    return text


def _scope(text: str) -> str:
    if not text.isascii() or not text.isprintable() or {'"', "\\", " "} & set(text):
        raise PydanticCustomError("scope", "A scope is one word of visible ASCII characters")
    return text


def _split(value: Any) -> Any:
    """As OAuth itself writes them: in one text, with spaces between."""
    return value.split() if isinstance(value, str) else value


def _our_redirect(uri: str) -> str:
    if uri and uri != redirect_uri():
        raise PydanticCustomError("redirect_uri", "This gateway is only reached at {uri}", {"uri": redirect_uri()})
    return uri


def _free(parameters: dict[str, str]) -> dict[str, str]:
    if taken := sorted(OURS & {name.lower() for name in parameters}):
        raise PydanticCustomError("reserved", "The gateway sets {taken} itself", {"taken": ", ".join(taken)})
    return parameters


Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_plain)]
Scope = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_scope)]
Parameter = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_plain)]


class OAuthConfig(Body):
    """How the gateway's server lets us in. What is left out is found out when somebody connects."""

    grant_type: Literal["authorization_code", "client_credentials"] = Field(
        "authorization_code",
        description="authorization_code: people connect. client_credentials: the gateway comes as itself.",
    )
    shared: bool = Field(
        False, description="One connection, made by somebody who may change the gateway, serves everybody."
    )
    issuer: Text = Field("", description="The authorization server, exactly as it calls itself.")
    client_id: Text = Field("", description="Of a client that was made at the provider by hand.")
    client_secret: Annotated[
        str, StringConstraints(max_length=4096), AfterValidator(not_the_mask), AfterValidator(_plain)
    ] = Field("", repr=False, description="Never shown again. Left out in a change: as before.")
    authorization_url: Text = Field("", description="Of a provider that does not describe itself; with token_url.")
    token_url: Text = ""
    scopes: Annotated[
        list[Scope], BeforeValidator(_split, json_schema_input_type=list[str] | str), Field(max_length=50)
    ] = Field([], description="Empty: what the server asks for.")
    audience: Text = Field("", description="For providers that want one.")
    parameters: Annotated[dict[Parameter, Text], Field(max_length=20), AfterValidator(_free)] = Field(
        {}, description="Added where people are sent, such as access_type: offline."
    )
    send_resource: bool = Field(
        True, description="false for providers that refuse the `resource` parameter (RFC 8707)."
    )
    redirect_uri: Annotated[str, AfterValidator(_our_redirect)] = Field("", description="Ours, or left out.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.client_secret and not self.client_id:
            raise PydanticCustomError("client", "A client secret needs its client_id")
        if self.grant_type == CREDENTIALS and not self.client_id:
            raise PydanticCustomError("client", "client_credentials needs a client_id and its secret")
        if self.authorization_url and not self.token_url:
            raise PydanticCustomError("urls", "authorization_url needs token_url beside it")
        if self.grant_type == CODE and self.token_url and not self.authorization_url:
            raise PydanticCustomError("urls", "token_url needs authorization_url beside it")
        if self.token_url and not self.client_id:
            raise PydanticCustomError("client", "A provider that does not describe itself needs a client_id")
        return self


def columns_of(said: Mapping[str, Any] | None) -> dict[str, Any]:
    """The columns a body sets, with the URLs judged and the secret sealed. None: no OAuth."""
    if said is None:
        return {"oauth": {}, "sealed_oauth_secret": ""}
    for name in URLS:
        if said.get(name):
            _check_url(name, said[name])
    config = {"grant_type": CODE} | {name: value for name, value in said.items() if value != USUAL.get(name, value)}
    if not said.get(SECRET):
        return {"oauth": config}
    return {"oauth": config | {SECRET: MASK}, "sealed_oauth_secret": seal({SECRET: said[SECRET]})}


def _check_url(name: str, url: str) -> None:
    try:
        check_url(url, settings.UPSTREAM_ALLOWED_NETWORKS)
    except AddressNotAllowed as error:
        found = FieldError(("body", "oauthConfig", name), error.message, error.code)
        raise AddressNotAllowed(error.message, fields=[found]) from None


def keep_secret(row: Any, columns: dict[str, Any]) -> dict[str, Any]:
    """For a `store` hook: a configuration without a secret is one for the stored secret, if that is for the same."""
    config = columns.get("oauth")
    if not config or "sealed_oauth_secret" in columns:
        return columns
    same = row.sealed_oauth_secret and all(row.oauth.get(name) == config.get(name) for name in SECRET_IS_FOR)
    if same:
        return columns | {"oauth": config | {SECRET: MASK}}
    if config["grant_type"] == CREDENTIALS:
        raise bad_field("oauth_config", "client_credentials needs the client's secret", "missing")
    return columns | {"sealed_oauth_secret": ""}
