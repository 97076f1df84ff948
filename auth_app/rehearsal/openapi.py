"""The endpoints of rehearsals in the OpenAPI document."""

from functools import partial

from auth_app.rehearsal.bodies import DifferenceData, EffectData, RehearsalData, RehearsalStart
from gatewaysite.openapi import ALWAYS, WRONG, Good, Room, operation, ref

KEYS = {"key": "The role's id or name."}
TOLD: Good = {200: ("What would be decided otherwise, and for whom.", ref("RehearsalData"))}
GONE: Good = {204: ("It is over, and nothing was changed.", None)}

one = partial(operation, tag="roles", keys=KEYS)

REHEARSALS = Room(
    paths={
        "/rbac/roles/{key}/shadow": {
            "get": one("What would this role's rehearsed permissions change?", TOLD, *ALWAYS, 404),
            "put": one("Rehearse a role's permissions", TOLD, *ALWAYS, *WRONG, 404, body=RehearsalStart),
            "delete": one("Discard a role's rehearsal", GONE, *ALWAYS, 404, 409),
        },
        "/rbac/roles/{key}/shadow/promote": {
            "post": one("Make a role what was rehearsed", TOLD, *ALWAYS, 404, 409),
        },
    },
    answers=(RehearsalData, DifferenceData, EffectData),
    bodies=(RehearsalStart,),
)
