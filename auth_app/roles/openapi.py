"""The endpoints of roles in the OpenAPI document."""

from functools import partial

from auth_app.endpoints import Said
from auth_app.roles.api import GrantParameters, RoleParameters, TeamParameters
from auth_app.roles.bodies import CatalogueData, GrantData, RoleAssign, RoleCreate, RoleData, RoleUpdate
from gatewaysite.openapi import ALWAYS, WRONG, Good, Room, list_of, operation, ref

ROLE = {"key": "The role's id, with or without dashes."}
PERSON = {"email": "Of the person."}
DONE: Good = {200: ("Done.", ref("Said"))}
TOLD: Good = {200: ("The role.", ref("RoleData"))}
ROLES_OF: Good = {200: ("Granted ones, and those that come otherwise.", list_of("GrantData"))}
NAMES: Good = {200: ("By name.", {"type": "array", "items": {"type": "string"}})}

one = partial(operation, tag="roles")

ROLES = Room(
    paths={
        "/rbac/roles": {
            "get": one("List roles", {200: ("By name.", list_of("RoleData"))}, *ALWAYS, 422,
                       query=RoleParameters),
            "post": one("Make a role", {201: ("The role.", ref("RoleData"))}, *ALWAYS, *WRONG, body=RoleCreate),
        },
        "/rbac/roles/{key}": {
            "get": one("Read a role", TOLD, *ALWAYS, 404, keys=ROLE),
            "put": one("Change a role that is not the system's", TOLD, *ALWAYS, *WRONG, 404, body=RoleUpdate,
                       keys=ROLE),
            "delete": one("Delete a role that nobody has", DONE, *ALWAYS, 404, 409, keys=ROLE),
        },
        "/rbac/users/{email}/roles": {
            "get": one("List the roles somebody has", ROLES_OF, *ALWAYS, 404, keys=PERSON),
            "post": one("Give somebody a role", {201: ("As it was given.", ref("GrantData"))}, *ALWAYS, *WRONG, 404,
                        body=RoleAssign, keys=PERSON),
        },
        "/rbac/users/{email}/roles/{key}": {
            "delete": one("Take a role from somebody", DONE, *ALWAYS, 404, 422, query=GrantParameters,
                          keys=PERSON | ROLE),
        },
        "/rbac/my/roles": {"get": one("List one's own roles", ROLES_OF, *ALWAYS)},
        "/rbac/my/permissions": {"get": one("List what one may", NAMES, *ALWAYS, 422, query=TeamParameters)},
        "/rbac/permissions/available": {
            "get": one("List every permission there is", {200: ("By kind too.", ref("CatalogueData"))}, *ALWAYS),
        },
        "/rbac/permissions/user/{email}": {
            "get": one("List what somebody may", NAMES, *ALWAYS, 404, 422, query=TeamParameters, keys=PERSON),
        },
    },
    answers=(RoleData, GrantData, CatalogueData, Said),
    bodies=(RoleCreate, RoleUpdate, RoleAssign),
)  # fmt: skip
