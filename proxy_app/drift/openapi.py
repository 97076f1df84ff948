"""The endpoints of changes in the OpenAPI document."""

from functools import partial

from gatewaysite.openapi import KEY, WRONG, Good, Json, Room, operation, ref
from proxy_app.drift.data import ChangesData, DecidedData, Decision

GATEWAY = {"key": KEY["description"]}
FOUND: Good = {200: ("What the last refreshes found.", ref("ChangesData"))}
DECIDED: Good = {200: ("It is done.", ref("DecidedData"))}

one = partial(operation, tag="gateways")


def _decision(summary: str) -> Json:
    return {"post": one(summary, DECIDED, 401, 403, 404, 503, *WRONG, body=Decision, keys=GATEWAY)}


DRIFT = Room(
    paths={
        "/gateways/{key}/changes": {
            "get": one("What a gateway's server has changed", FOUND, 401, 404, 409, 503, keys=GATEWAY)
        },
        "/gateways/{key}/changes/approve": _decision("Take changes that wait"),
        "/gateways/{key}/changes/reject": _decision("Reject changes that wait; their items stay held"),
    },
    answers=(ChangesData, DecidedData),
    bodies=(Decision,),
)
