"""JSON endpoints of roles, and of who has them."""

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from pydantic import Field

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.grants import work as grants
from auth_app.permissions import catalogue
from auth_app.roles import work
from auth_app.roles.bodies import RoleAssign, RoleCreate, RoleUpdate, catalogue_data
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import Plain, validated


class RoleParameters(Plain):
    scope: Literal["global", "team"] | None = Field(None, description="Only those that may be given there.")
    active_only: bool = Field(True, description="Every role is active; taken for clients that send it.")


class GrantParameters(Plain):
    scope: Literal["global", "team"] = "global"
    scope_id: UUID | None = Field(None, description="The team's id, with the scope team.")


class TeamParameters(Plain):
    team_id: UUID | None = Field(None, description="What holds in this team; without one, anywhere.")


def roles(request: HttpRequest) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(RoleParameters, request.GET.dict(), where="query")
        return json_response(work.list_roles(actor, asked.scope or ""))

    def create(actor: Actor) -> HttpResponse:
        body = validated(RoleCreate, json_body(request))
        return json_response(work.create_role(actor, body, stamp_of(request, actor)), status=201)

    return answer(request, {"GET": list_them, "POST": create})


def role(request: HttpRequest, key: str) -> HttpResponse:
    def read(actor: Actor) -> HttpResponse:
        return json_response(work.read_role(actor, key))

    def change(actor: Actor) -> HttpResponse:
        body = validated(RoleUpdate, json_body(request))
        return json_response(work.update_role(actor, key, body, stamp_of(request, actor)))

    def delete(actor: Actor) -> HttpResponse:
        work.delete_role(actor, key, stamp_of(request, actor))
        return json_response({"message": "Role deleted successfully"})

    return answer(request, {"GET": read, "PUT": change, "DELETE": delete})


def roles_of(request: HttpRequest, email: str) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        return json_response(grants.roles_of(actor, email))

    def assign(actor: Actor) -> HttpResponse:
        body = validated(RoleAssign, json_body(request))
        return json_response(grants.grant(actor, email, body, stamp_of(request, actor)), status=201)

    return answer(request, {"GET": list_them, "POST": assign})


def role_of(request: HttpRequest, email: str, key: str) -> HttpResponse:
    def revoke(actor: Actor) -> HttpResponse:
        asked = validated(GrantParameters, request.GET.dict(), where="query")
        grants.revoke(actor, email, key, asked.scope, asked.scope_id, stamp_of(request, actor))
        return json_response({"message": "Role revoked successfully"})

    return answer(request, {"DELETE": revoke})


def my_roles(request: HttpRequest) -> HttpResponse:
    return answer(request, {"GET": lambda actor: json_response(grants.roles_of(actor, actor.email))})


def available(request: HttpRequest) -> HttpResponse:
    """Every permission there is."""
    return answer(request, {"GET": lambda actor: json_response(catalogue_data(catalogue.by_kind()))})


def my_permissions(request: HttpRequest) -> HttpResponse:
    """What the caller may, by a token no more than its scope says."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(TeamParameters, request.GET.dict(), where="query")
        return json_response(grants.held_by(actor, asked.team_id))

    return answer(request, {"GET": list_them})


def permissions_of(request: HttpRequest, email: str) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(TeamParameters, request.GET.dict(), where="query")
        return json_response(grants.permissions_of(actor, email, asked.team_id))

    return answer(request, {"GET": list_them})
