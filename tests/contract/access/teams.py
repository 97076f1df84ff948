"""Team Blue, which is private, its people, and the ways into it."""

from tests.contract.access.table import (
    MAKE_OWN,
    OPERATE,
    OWN_TEAM,
    PEOPLE,
    READ_OWN,
    SEE,
    Line,
    Table,
    for_some,
    of_blue,
    signed_in,
)

# What is done with one's own place in teams, or with what one is invited to, is not for tokens that cannot do it.
CANNOT = {"read-only token", "blue token"}
# Administrators are in no team by being administrators, so they have none to leave.
LEAVE = Line(PEOPLE - OPERATE, CANNOT, "blue", but=dict.fromkeys(OPERATE, "404"))
# Whoever is in Blue is told that nobody asks to join it.
JOIN = Line(PEOPLE, CANNOT, "blue")
HIRED = {"email": "{outsider}", "role": "viewer"}
# The invitation is for the stranger, whose token the red one is.
INVITED = Line({"red token"}, {"blue token"}, "for the stranger")
TAKEN = Line({"red token"}, CANNOT, "for the stranger")

TABLE: Table = {
    ("GET", "teams"): signed_in(),
    ("GET", "teams/"): signed_in(),
    ("POST", "teams"): for_some(MAKE_OWN, body={"name": "New"}),
    ("POST", "teams/"): for_some(MAKE_OWN, body={"name": "New"}),
    ("GET", "teams/discover"): for_some(READ_OWN),
    ("GET", "teams/<key>"): of_blue(SEE, "blue"),
    ("PUT", "teams/<key>"): of_blue(OWN_TEAM, "blue", body={"description": "x"}),
    ("DELETE", "teams/<key>"): of_blue(OWN_TEAM, "blue"),
    ("POST", "teams/<key>/transfer"): of_blue(OWN_TEAM, "blue", body={"email": "{member}"}),
    ("DELETE", "teams/<key>/leave"): LEAVE,
    ("GET", "teams/<key>/members"): of_blue(SEE, "blue"),
    ("POST", "teams/<key>/members"): of_blue(OWN_TEAM, "blue", body=HIRED),
    ("PUT", "teams/<key>/members/<email>"): of_blue(OWN_TEAM, "blue", body={"role": "member"}),
    ("DELETE", "teams/<key>/members/<email>"): of_blue(OWN_TEAM, "blue"),
    ("GET", "teams/<key>/invitations"): of_blue(SEE, "blue"),
    ("POST", "teams/<key>/invitations"): of_blue(OWN_TEAM, "blue", body=HIRED),
    ("DELETE", "teams/invitations/<key>"): of_blue(OWN_TEAM, "invitations"),
    ("POST", "teams/invitations/<key>/accept"): TAKEN,
    ("GET", "users/me/invitations"): for_some(READ_OWN),
    ("POST", "teams/<key>/join"): JOIN,
    ("GET", "teams/<key>/join-requests"): of_blue(OWN_TEAM, "blue"),
    ("DELETE", "teams/<key>/join-requests/<request_key>"): of_blue(OWN_TEAM, "blue"),
    ("POST", "teams/<key>/join-requests/<request_key>/approve"): of_blue(OWN_TEAM, "blue"),
    ("GET", "admin/teams"): for_some(READ_OWN),
    ("GET", "admin/teams/new"): signed_in(),
    ("POST", "admin/teams/new"): for_some(MAKE_OWN, body={"name": "New", "visibility": "private"}),
    ("GET", "admin/teams/<key>"): of_blue(SEE, "blue"),
    ("GET", "admin/teams/<key>/edit"): of_blue(OWN_TEAM, "blue"),
    ("POST", "admin/teams/<key>/edit"): of_blue(OWN_TEAM, "blue", body={"name": "n", "visibility": "private"}),
    ("POST", "admin/teams/<key>/state"): of_blue(OPERATE, "blue", body={"active": "no"}),
    ("GET", "admin/teams/<key>/delete"): of_blue(OWN_TEAM, "blue"),
    ("POST", "admin/teams/<key>/delete"): of_blue(OWN_TEAM, "blue"),
    ("POST", "admin/teams/<key>/members"): of_blue(OWN_TEAM, "blue", body=HIRED),
    ("POST", "admin/teams/<key>/members/change"): of_blue(
        OWN_TEAM, "blue", body={"email": "{email}", "role": "member"}
    ),
    ("POST", "admin/teams/<key>/members/remove"): of_blue(OWN_TEAM, "blue", body={"email": "{email}"}),
    ("POST", "admin/teams/<key>/leave"): LEAVE,
    ("POST", "admin/teams/<key>/transfer"): of_blue(OWN_TEAM, "blue", body={"email": "{member}"}),
    ("POST", "admin/teams/<key>/invitations"): of_blue(OWN_TEAM, "blue", body=HIRED),
    ("POST", "admin/teams/<key>/join"): JOIN,
    ("POST", "admin/teams/<key>/join-requests/<request_key>"): of_blue(OWN_TEAM, "blue", body={"answer": "yes"}),
    ("GET", "admin/invitations/<key>"): INVITED,
    ("POST", "admin/invitations/<key>"): INVITED,
    ("POST", "admin/invitations/<key>/cancel"): of_blue(OWN_TEAM, "invitations"),
}
