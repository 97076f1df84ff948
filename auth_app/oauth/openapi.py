"""The authorization server and trusted issuers in the OpenAPI document."""

from functools import partial

from auth_app.oauth.bodies import ClientMetadata, OAuthError, RegisteredClient, TokenAnswer
from auth_app.oauth.issuers.bodies import IssuerCreate, IssuerData, IssuerList, IssuerUpdate
from gatewaysite.openapi import (
    ALWAYS,
    WRONG,
    Good,
    Json,
    Room,
    content,
    operation,
    path_parameter,
    ref,
    response,
    responses,
)

KEYS = {"key": "The issuer's id, with or without dashes."}
LISTED: Good = {200: ("By name.", ref("IssuerList"))}
TOLD: Good = {200: ("The issuer.", ref("IssuerData"))}
MADE: Good = {201: ("It is trusted.", ref("IssuerData"))}
GONE: Good = {204: ("Its tokens let nobody in any more.", None)}

one = partial(operation, tag="oauth", session=True)

ISSUERS = Room(
    paths={
        "/oauth/issuers": {
            "get": one("List trusted issuers", LISTED, *ALWAYS),
            "post": one("Trust an issuer", MADE, *ALWAYS, *WRONG, body=IssuerCreate),
        },
        "/oauth/issuers/{key}": {
            "get": one("Read a trusted issuer", TOLD, *ALWAYS, 404, keys=KEYS),
            "put": one("Change a trusted issuer", TOLD, *ALWAYS, *WRONG, 404, body=IssuerUpdate, keys=KEYS),
            "delete": one("Trust an issuer no more", GONE, *ALWAYS, 404, keys=KEYS),
        },
    },
    answers=(IssuerData, IssuerList, RegisteredClient, TokenAnswer, OAuthError),
    bodies=(IssuerCreate, IssuerUpdate, ClientMetadata),
)

FORM = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}
DOCUMENT = {"type": "object"}


def _public(
    summary: str, good: Json, *, wrong: tuple[int, ...] = (), body: Json | None = None, refused: tuple[int, ...] = ()
) -> Json:
    """For whoever asks; errors are in the shape of RFC 6749, but for `refused`, which come before it is read."""
    refusals = {str(status): response("Refused.", ref("OAuthError")) for status in wrong}
    answers = {**good, **refusals, **responses({}, *refused)}
    found: Json = {"summary": summary, "tags": ["oauth"], "security": [], "responses": answers}
    return found | ({"requestBody": body} if body else {})


METADATA = {"required": True, "content": content(ref("ClientMetadata"))}
RESOURCE = {"200": response("RFC 9728.", DOCUMENT), "404": response("That is no endpoint.", ref("Error"))}
PATHS: Json = {
    "/oauth/register": {
        "post": _public(
            "Register a client (RFC 7591)",
            {"201": response("The secret, if there is one, is shown here only.", ref("RegisteredClient"))},
            wrong=(400,),
            body=METADATA,
            refused=(413, 429, 503),
        )
    },
    "/oauth/token": {
        "post": _public(
            "Tokens for a code or a refresh token",
            {"200": response("The tokens.", ref("TokenAnswer"))},
            wrong=(400, 401),
            body=FORM,
        )
    },
    "/oauth/revoke": {
        "post": _public(
            "Give a token back (RFC 7009)",
            {"200": response("It is good for nothing.", None)},
            wrong=(400, 401),
            body=FORM,
        )
    },
    "/.well-known/oauth-authorization-server": {
        "get": _public("What the authorization server can (RFC 8414)", {"200": response("RFC 8414.", DOCUMENT)})
    },
    "/.well-known/oauth-protected-resource": {
        "get": _public("Where tokens for /mcp come from (RFC 9728)", {"200": response("RFC 9728.", DOCUMENT)})
    },
    "/.well-known/oauth-protected-resource/{path}": {
        "get": _public("Where tokens for an endpoint come from (RFC 9728)", RESOURCE)
        | {"parameters": [path_parameter("path", "The endpoint's path: mcp, rpc, or servers/{id or slug}/mcp.")]}
    },
}
