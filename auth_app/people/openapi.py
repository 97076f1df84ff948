"""The endpoints of people in the OpenAPI document."""

from functools import partial

from auth_app.account.openapi import DONE, EVENTS
from auth_app.people.bodies import (
    AdminEventParameters,
    UserCreate,
    UserDeleteParameters,
    UserListParameters,
    UserPage,
    UserUpdate,
)
from gatewaysite.openapi import ALWAYS, WRONG, Good, Json, Room, list_of, operation, ref

KEYS = {"key": "The e-mail address, in any case, or the id."}
USERS = {"anyOf": [list_of("UserData"), ref("UserPage")]}
LISTED: Good = {200: ("Newest first.", USERS)}
TOLD: Good = {200: ("The person.", ref("UserData"))}

one = partial(operation, tag="people")


def _change(summary: str) -> Json:
    return one(summary, TOLD, *ALWAYS, *WRONG, 404, body=UserUpdate, keys=KEYS)


PEOPLE = Room(
    paths={
        "/auth/email/admin/users": {
            "get": one("List people", LISTED, 400, *ALWAYS, 422, query=UserListParameters),
            "post": one("Enter a person", {201: ("The person.", ref("UserData"))}, *ALWAYS, *WRONG, body=UserCreate),
        },
        "/auth/email/admin/users/{key}": {
            "get": one("Read a person", TOLD, *ALWAYS, 404, keys=KEYS),
            "patch": _change("Change a person"),
            "put": _change("Change a person; what is left out stays here too"),
            "delete": one("Delete a person", DONE, *ALWAYS, 404, 409, 422, query=UserDeleteParameters, keys=KEYS),
        },
        "/auth/email/admin/users/{key}/unlock": {
            "post": one("Forget a person's failed log-ins", TOLD, *ALWAYS, 404, keys=KEYS)
        },
        "/auth/email/admin/events": {
            "get": one("List what happened around signing in", EVENTS, *ALWAYS, 422, query=AdminEventParameters)
        },
    },
    answers=(UserPage,),
    bodies=(UserCreate, UserUpdate),
)
