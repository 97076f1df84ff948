"""The endpoints of teams, of their people and of the ways into them, in the OpenAPI document."""

from functools import partial

from auth_app.endpoints import Done
from auth_app.joining.bodies import InvitationData, JoinAsk, JoinRequestData, NewInvitation
from auth_app.members.bodies import MemberAdd, MemberData, MemberPage, MemberUpdate, TeamTransfer
from auth_app.paging import CursorParameters, PageParameters
from auth_app.teams.bodies import FoundTeamData, NewTeamData, TeamCreate, TeamData, TeamList, TeamPage, TeamUpdate
from gatewaysite.openapi import ALWAYS, WRONG, Good, Json, Room, list_of, operation, ref

TEAM = {"key": "The team's id, with or without dashes, or its slug."}
MEMBER = TEAM | {"email": "Of the member."}
REQUEST = TEAM | {"request_key": "The join request's id."}
LINK = {"key": "The secret of the invitation's link; or its id, for whom it is meant."}

one = partial(operation, tag="teams")


def _says(model: str, words: str) -> Good:
    return {200: (words, ref(model))}


def _either(words: str, *schemas: Json) -> Good:
    return {200: (words, {"anyOf": list(schemas)})}


DONE: Good = {200: ("Done.", ref("Done"))}
LISTED = _either("With `include_pagination` the other shape.", ref("TeamList"), ref("TeamPage"))
PEOPLE = _either("With `include_pagination` the other shape.", list_of("MemberData"), ref("MemberPage"))


TEAMS = Room(
    paths={
        "/teams": {
            "get": one("List teams: one's own, or all for those who may see all", LISTED, *ALWAYS, 400, 422,
                       query=CursorParameters),
            "post": one("Make a team, with people or without",
                        {201: ("The team; whom it has, and who was invited.", ref("NewTeamData"))},
                        *ALWAYS, *WRONG, body=TeamCreate),
        },
        "/teams/discover": {
            "get": one("Find public teams one is not in", {200: ("By name.", list_of("FoundTeamData"))},
                       *ALWAYS, 422, query=PageParameters),
        },
        "/teams/{key}": {
            "get": one("Read a team", _says("TeamData", "The team."), *ALWAYS, 404, keys=TEAM),
            "put": one("Change a team", _says("TeamData", "As it is now."), *ALWAYS, *WRONG, 404,
                       body=TeamUpdate, keys=TEAM),
            "delete": one("Delete a team that has no registered items", DONE, *ALWAYS, 404, 409, keys=TEAM),
        },
        "/teams/{key}/transfer": {
            "post": one("Make a member the owner instead of oneself", _says("MemberData", "The new owner."),
                        *ALWAYS, *WRONG, 404, body=TeamTransfer, keys=TEAM),
        },
        "/teams/{key}/members": {
            "get": one("List a team's people", PEOPLE, *ALWAYS, 400, 404, 422, query=CursorParameters, keys=TEAM),
            "post": one("Put somebody into a team", {201: ("Their membership.", ref("MemberData"))},
                        *ALWAYS, *WRONG, 404, body=MemberAdd, keys=TEAM),
        },
        "/teams/{key}/members/{email}": {
            "put": one("Change what somebody is in a team", _says("MemberData", "Their membership."),
                       *ALWAYS, *WRONG, 404, body=MemberUpdate, keys=MEMBER),
            "delete": one("Take somebody out of a team", DONE, *ALWAYS, 404, 409, keys=MEMBER),
        },
        "/teams/{key}/leave": {"delete": one("Leave a team", DONE, *ALWAYS, 404, 409, keys=TEAM)},
        "/teams/{key}/invitations": {
            "get": one("List invitations that wait", {200: ("Newest first.", list_of("InvitationData"))},
                       *ALWAYS, 404, keys=TEAM),
            "post": one("Invite somebody by e-mail",
                        {201: ("With the link, which is shown here only.", ref("NewInvitation"))},
                        *ALWAYS, *WRONG, 404, body=MemberAdd, keys=TEAM),
        },
        "/teams/invitations/{key}/accept": {
            "post": one("Accept an invitation", _says("MemberData", "One's membership."),
                        *ALWAYS, 404, 409, keys=LINK),
        },
        "/teams/invitations/{key}": {
            "delete": one("Cancel an invitation", DONE, *ALWAYS, 404, 409, keys={"key": "The invitation's id."}),
        },
        "/users/me/invitations": {
            "get": one("List the invitations one can accept", {200: ("Newest first.", list_of("InvitationData"))},
                       *ALWAYS),
        },
        "/teams/{key}/join": {
            "post": one("Ask to join a public team", _says("JoinRequestData", "It waits for the team's owners."),
                        *ALWAYS, *WRONG, 404, body=JoinAsk, keys=TEAM, may_be_empty=True),
        },
        "/teams/{key}/join-requests": {
            "get": one("List who asks to join", {200: ("The oldest first.", list_of("JoinRequestData"))},
                       *ALWAYS, 404, keys=TEAM),
        },
        "/teams/{key}/join-requests/{request_key}/approve": {
            "post": one("Let somebody in who asked", _says("MemberData", "Their membership."), *ALWAYS, 404, 409,
                        keys=REQUEST),
        },
        "/teams/{key}/join-requests/{request_key}": {
            "delete": one("Turn down somebody who asked", DONE, *ALWAYS, 404, 409, keys=REQUEST),
        },
    },
    answers=(TeamData, NewTeamData, TeamList, TeamPage, FoundTeamData, MemberData, MemberPage, InvitationData,
             NewInvitation, JoinRequestData, Done),
    bodies=(TeamCreate, TeamUpdate, MemberAdd, MemberUpdate, TeamTransfer, JoinAsk),
)  # fmt: skip
