"""The endpoints of single sign-on in the OpenAPI document."""

from functools import partial

from pydantic import BaseModel, Field

from auth_app.endpoints import Said
from auth_app.sso.api import WaitingParameters
from auth_app.sso.bodies import (
    ApprovalAction,
    ApprovalData,
    ProviderData,
    ProviderOffer,
    SignInStart,
    SsoProviderCreate,
    SsoProviderUpdate,
)
from gatewaysite.openapi import ALWAYS, WRONG, Good, Json, Room, list_of, operation, ref

KEY = {"key": "The provider's short name."}
TOLD: Good = {200: ("The provider, without its secret.", ref("ProviderData"))}

one = partial(operation, tag="sso")


class StartParameters(BaseModel):
    redirect_uri: str = Field("", description="Our own callback, which is the only one there is.")
    next: str = Field("", description="The path of ours to go to afterwards.")


def _list(model: str, words: str) -> Good:
    return {200: (words, list_of(model))}


def _open(found: Json) -> Json:
    """For anybody."""
    return found | {"security": []}


SSO = Room(
    paths={
        "/auth/sso/providers": {
            "get": _open(one("What one can sign in with", _list("ProviderOffer", "Enabled providers."), 503))
        },
        "/auth/sso/login/{key}": {
            "get": _open(
                one("Begin to sign in", {200: ("Where the browser goes.", ref("SignInStart"))}, 404, 422, 503,
                    query=StartParameters, keys=KEY)
            )
        },
        "/auth/sso/logout/{key}": {
            "post": _open(
                one("Hear from a provider that somebody left there (back-channel log-out)",
                    {200: ("Those sessions are over.", None)}, 400, 404, 503, keys=KEY)
            )
        },
        "/auth/sso/admin/providers": {
            "get": one("List providers", _list("ProviderData", "By name."), *ALWAYS),
            "post": one("Add a provider", {201: ("It is there.", ref("ProviderData"))}, *ALWAYS, *WRONG,
                        body=SsoProviderCreate),
        },
        "/auth/sso/admin/providers/{key}": {
            "get": one("Read a provider", TOLD, *ALWAYS, 404, keys=KEY),
            "put": one("Change a provider", TOLD, *ALWAYS, *WRONG, 404, body=SsoProviderUpdate, keys=KEY),
            "delete": one("Delete a provider, with what its rules gave",
                          {200: ("It is gone.", ref("Said"))}, *ALWAYS, 404, 409, keys=KEY),
        },
        "/auth/sso/pending-approvals": {
            "get": one("List who waits to be let in", _list("ApprovalData", "Oldest first."), *ALWAYS, 422,
                       query=WaitingParameters)
        },
        "/auth/sso/pending-approvals/{key}/action": {
            "post": one("Let somebody in, or not", {200: ("Done.", ref("Said"))}, *ALWAYS, *WRONG, 404,
                        body=ApprovalAction, keys={"key": "The id in the list."})
        },
    },
    answers=(ProviderData, ProviderOffer, SignInStart, ApprovalData, Said),
    bodies=(SsoProviderCreate, SsoProviderUpdate, ApprovalAction),
)  # fmt: skip
