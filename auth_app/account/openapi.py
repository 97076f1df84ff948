"""The endpoints of one's own account in the OpenAPI document."""

from functools import partial

from auth_app.account.bodies import (
    Credentials,
    CsrfToken,
    LinkState,
    LoggedOut,
    LoginData,
    NamedCredentials,
    PasswordChange,
    PasswordForgotten,
    PasswordReset,
    Registration,
    SessionState,
)
from auth_app.endpoints import Done
from auth_app.events.work import EventData
from auth_app.paging import OffsetParameters
from auth_app.people.bodies import UserData
from gatewaysite.openapi import Good, Room, list_of, operation, ref

KEYS = {"key": "The end of the link in the letter: `<person>-<token>`."}
OPEN, ASKED = (400, 413, 415, 422, 429, 503), (401, 403, 503)
IN: Good = {200: ("A token for a while, and whose it is.", ref("LoginData"))}
DONE: Good = {200: ("It is done.", ref("Done"))}
EVENTS: Good = {200: ("Newest first.", list_of("EventData"))}

one = partial(operation, tag="account")
public = partial(one, public=True)

ACCOUNT = Room(
    paths={
        "/auth/login": {
            "post": public("Log in, by either word for the address", IN, 401, 403, *OPEN, body=NamedCredentials)
        },
        "/auth/email/login": {"post": public("Log in", IN, 401, 403, *OPEN, body=Credentials)},
        "/auth/logout": {
            "post": one("Log out", {200: ("What asked is of no use any more.", ref("LoggedOut"))}, *ASKED, session=True)
        },
        "/auth/csrf-token": {
            "get": one(
                "Read what a script in a browser sends back", {200: ("As X-CSRFToken.", ref("CsrfToken"))}, *ASKED
            )
        },
        "/auth/validate": {
            "get": one(
                "Read how long the session lasts", {200: ("It is alive.", ref("SessionState"))}, *ASKED, session=True
            )
        },
        "/auth/email/register": {
            "post": public(
                "Make an account, where that is allowed",
                {202: ("The same for every address; a letter tells more.", ref("Done"))},
                403,
                *OPEN,
                body=Registration,
            )
        },
        "/auth/email/change-password": {
            "post": one("Change your password", DONE, 401, 403, *OPEN, body=PasswordChange, session=True)
        },
        "/auth/email/forgot-password": {
            "post": public("Ask for a link to set a password", DONE, *OPEN, body=PasswordForgotten)
        },
        "/auth/email/reset-password/{key}": {
            "get": public(
                "Ask whether a link still works", {200: ("Whether it does.", ref("LinkState"))}, 429, 503, keys=KEYS
            ),
            "post": public("Set a password by a link", DONE, 404, *OPEN, body=PasswordReset, keys=KEYS),
        },
        "/auth/email/me": {"get": one("Read who you are", {200: ("You.", ref("UserData"))}, *ASKED)},
        "/auth/email/events": {
            "get": one("List what happened to your account", EVENTS, *ASKED, 422, query=OffsetParameters)
        },
    },
    answers=(UserData, LoginData, LoggedOut, CsrfToken, SessionState, LinkState, Done, EventData),
    bodies=(
        Credentials,
        NamedCredentials,
        Registration,
        PasswordChange,
        PasswordForgotten,
        PasswordReset,
    ),
)
