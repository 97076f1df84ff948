"""The endpoints of connections to upstreams in the OpenAPI document."""

from functools import partial

from auth_app.endpoints import Done
from gatewaysite.openapi import KEY, Good, Room, operation, ref
from proxy_app.oauth.data import ClientData, ClientList, ConnectionData, ConnectionList

GATEWAY = {"key": KEY["description"]}
CLIENT = {"key": "GET: a gateway's id or slug. DELETE: the client's id."}
STATUS: Good = {200: ("Whether you are connected.", ref("ConnectionData"))}
LISTED: Good = {200: ("One for each gateway with OAuth that you see.", ref("ConnectionList"))}
CLIENTS: Good = {200: ("Without their secrets.", ref("ClientList"))}
DONE: Good = {200: ("It is done.", ref("Done"))}
BEGUN: Good = {202: ("A job; the gateway's row tells how far it is.", ref("Done"))}

one = partial(operation, tag="oauth")

OAUTH = Room(
    paths={
        "/oauth/status/{key}": {
            "get": one("Whether you are connected to a gateway's server", STATUS, 401, 404, 409, 503, keys=GATEWAY)
        },
        "/oauth/connections": {"get": one("List your connections to servers", LISTED, 401, 503)},
        "/oauth/connections/{key}": {
            "delete": one("End your connection to a gateway's server", DONE, 401, 403, 404, 409, 503, keys=GATEWAY)
        },
        "/oauth/fetch-tools/{key}": {
            "post": one("Import a gateway's tools with your connection", BEGUN, 401, 403, 404, 409, 503, keys=GATEWAY)
        },
        "/oauth/registered-clients": {
            "get": one("What authorization servers know the gateway as", CLIENTS, 401, 403, 503)
        },
        "/oauth/registered-clients/{key}": {
            "get": one("The same, of one gateway's connections", CLIENTS, 401, 403, 404, 409, 503, keys=CLIENT),
            "delete": one("Forget such a client", DONE, 401, 403, 404, 503, keys=CLIENT),
        },
    },
    answers=(ConnectionData, ConnectionList, ClientData, ClientList, Done),
)
