"""JSON endpoints of people, for those who administer them."""

from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, done, json_body
from auth_app.events.work import list_events
from auth_app.passwords.forms import write_link
from auth_app.passwords.rules import check_said
from auth_app.people import work
from auth_app.people.bodies import (
    AdminEventParameters,
    UserCreate,
    UserData,
    UserDeleteParameters,
    UserListParameters,
    UserUpdate,
)
from auth_app.stamps import Stamp, stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import validated

INVITATION = "account"


def users(request: HttpRequest) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(UserListParameters, request.GET.dict(), where="query")
        found = work.list_people(actor, search=asked.search, limit=asked.limit, cursor=asked.cursor)
        if asked.include_pagination:
            return json_response({"users": found.rows, "nextCursor": found.next_cursor})
        return json_response(found.rows)

    def create(actor: Actor) -> HttpResponse:
        body = validated(UserCreate, json_body(request))
        return json_response(enter(actor, body, stamp_of(request, actor)), status=201)

    return answer(request, {"GET": list_them, "POST": create})


def user(request: HttpRequest, key: str) -> HttpResponse:
    def read(actor: Actor) -> HttpResponse:
        return json_response(work.read_person(actor, key))

    def change(actor: Actor) -> HttpResponse:
        body = validated(UserUpdate, json_body(request))
        return json_response(change_all(actor, key, body, stamp_of(request, actor)))

    def delete(actor: Actor) -> HttpResponse:
        asked = validated(UserDeleteParameters, request.GET.dict(), where="query")
        email = work.delete_person(actor, key, stamp_of(request, actor), heir=asked.heir)
        return done(f"User {email} has been deleted")

    return answer(request, {"GET": read, "PATCH": change, "PUT": change, "DELETE": delete})


def unlock(request: HttpRequest, key: str) -> HttpResponse:
    def do(actor: Actor) -> HttpResponse:
        return json_response(work.unlock_person(actor, key, stamp_of(request, actor)))

    return answer(request, {"POST": do})


def events(request: HttpRequest) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(AdminEventParameters, request.GET.dict(), where="query")
        return json_response(list_events(actor, email=asked.user_email, limit=asked.limit, offset=asked.offset))

    return answer(request, {"GET": list_them})


def enter(actor: Actor, body: UserCreate, stamp: Stamp) -> UserData:
    """A new person, who gets a letter when nobody has chosen a password for them."""
    work.may_create(actor, is_admin=body.is_admin)  # before a hash is paid for
    if body.password is not None:
        check_said(body.password, work.somebody(body.email), field="password")
    made = work.create_person(actor, body, make_password(body.password), stamp)
    if body.password is None:
        write_link(made["email"], INVITATION, invited_by=actor.email)
    return made


def change_all(actor: Actor, key: str, body: UserUpdate, stamp: Stamp) -> UserData:
    """The password is a unit of its own: it is hashed with nothing held."""
    if body.password is not None:
        row = work.find_for_password(actor, key)
        check_said(body.password, row, field="password")
        must_change = bool(body.password_change_required)
        work.set_password(actor, key, make_password(body.password), stamp, must_change=must_change)
    return work.change_person(actor, key, body, stamp)
