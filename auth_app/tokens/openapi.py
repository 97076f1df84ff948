"""The endpoints of API tokens in the OpenAPI document. They are for signed-in people: a token manages no tokens."""

from functools import partial

from auth_app.paging import OffsetParameters
from auth_app.tokens.api import AdminListParameters, ListParameters, UsageParameters
from auth_app.tokens.bodies import NewToken, TokenCreate, TokenData, TokenList, TokenRevocation, TokenUpdate
from auth_app.tokens.usage import UsageData
from gatewaysite.openapi import ALWAYS, WRONG, Good, Json, Room, operation, ref

KEYS = {"key": "The token's id, with or without dashes."}
TEAM_KEYS = {"key": "The team's id, with or without dashes."}
USED: Good = {200: ("Calls of tools and requests through proxy routes.", ref("UsageData"))}
LISTED: Good = {200: ("Newest first.", ref("TokenList"))}
TOLD: Good = {200: ("The token, without its secret.", ref("TokenData"))}
MADE: Good = {201: ("The token, and its secret, which is shown here only.", ref("NewToken"))}
GONE: Good = {204: ("It is revoked.", None)}

one = partial(operation, tag="tokens", session=True)


def _revocation(summary: str) -> Json:
    return one(summary, GONE, *ALWAYS, *WRONG, 404, body=TokenRevocation, keys=KEYS, may_be_empty=True)


TOKENS = Room(
    paths={
        "/tokens": {
            "get": one("List your API tokens", LISTED, *ALWAYS, 422, query=ListParameters),
            "post": one("Make an API token", MADE, *ALWAYS, *WRONG, body=TokenCreate),
        },
        "/tokens/{key}": {
            "get": one("Read a token of yours", TOLD, *ALWAYS, 404, keys=KEYS),
            "put": one("Change a token of yours", TOLD, *ALWAYS, *WRONG, 404, body=TokenUpdate, keys=KEYS),
            "delete": _revocation("Revoke a token of yours"),
        },
        "/tokens/{key}/usage": {
            "get": one("What a token of yours was used for", USED, *ALWAYS, 404, 422, query=UsageParameters, keys=KEYS)
        },
        "/tokens/teams/{key}": {
            "get": one(
                "List the live tokens for a team", LISTED, *ALWAYS, 404, 422, query=OffsetParameters, keys=TEAM_KEYS
            ),
            "post": one("Make a token for a team", MADE, *ALWAYS, *WRONG, body=TokenCreate, keys=TEAM_KEYS),
        },
        "/tokens/admin/all": {
            "get": one("List everybody's API tokens", LISTED, *ALWAYS, 422, query=AdminListParameters)
        },
        "/tokens/admin/{key}": {"delete": _revocation("Revoke anybody's token")},
    },
    answers=(TokenData, TokenList, NewToken, UsageData),
    bodies=(TokenCreate, TokenUpdate, TokenRevocation),
)
