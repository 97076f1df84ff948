"""JSON endpoints of API tokens, for signed-in people."""

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.paging import OffsetParameters
from auth_app.stamps import stamp_of
from auth_app.tokens import work
from auth_app.tokens.bodies import TokenCreate, TokenRevocation, TokenUpdate
from gatewaysite.responses import json_response
from gatewaysite.validation import validated


class ListParameters(OffsetParameters):
    include_inactive: bool = Field(False, description="Expired and revoked ones too.")


class AdminListParameters(ListParameters):
    user_email: str = Field("", max_length=254, description="Of this person only.")


class UsageParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: int = Field(30, ge=1, le=365, description="How far to look back.")


def tokens(request: HttpRequest) -> HttpResponse:
    """One's own: the list, and a new one."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(ListParameters, request.GET.dict(), where="query")
        return _listed(actor, asked)

    def create(actor: Actor) -> HttpResponse:
        body = validated(TokenCreate, json_body(request))
        return json_response(work.create_token(actor, body, stamp_of(request, actor)), status=201)

    return answer(request, {"GET": list_them, "POST": create})


def token(request: HttpRequest, key: str) -> HttpResponse:
    """One of one's own."""

    def read(actor: Actor) -> HttpResponse:
        return json_response(work.read_token(actor, key))

    def change(actor: Actor) -> HttpResponse:
        body = validated(TokenUpdate, json_body(request))
        return json_response(work.update_token(actor, key, body, stamp_of(request, actor)))

    def revoke(actor: Actor) -> HttpResponse:
        work.revoke_token(actor, key, _why(request), stamp_of(request, actor))
        return HttpResponse(status=204)

    return answer(request, {"GET": read, "PUT": change, "DELETE": revoke})


def usage(request: HttpRequest, key: str) -> HttpResponse:
    """What one of one's own was used for."""

    def read(actor: Actor) -> HttpResponse:
        asked = validated(UsageParameters, request.GET.dict(), where="query")
        return json_response(work.usage_of_token(actor, key, asked.days))

    return answer(request, {"GET": read})


def team_tokens(request: HttpRequest, key: str) -> HttpResponse:
    """Those that are for one team."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(OffsetParameters, request.GET.dict(), where="query")
        found, total = work.list_team_tokens(actor, key, limit=asked.limit, offset=asked.offset)
        return json_response({"tokens": found, "total": total, "limit": asked.limit, "offset": asked.offset})

    def create(actor: Actor) -> HttpResponse:
        sent = json_body(request)
        body = validated(TokenCreate, {**sent, "team_id": key} if isinstance(sent, dict) else sent)
        return json_response(work.create_token(actor, body, stamp_of(request, actor)), status=201)

    return answer(request, {"GET": list_them, "POST": create})


def all_tokens(request: HttpRequest) -> HttpResponse:
    """Everybody's."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(AdminListParameters, request.GET.dict(), where="query")
        return _listed(actor, asked, everybody=True, email=asked.user_email)

    return answer(request, {"GET": list_them})


def any_token(request: HttpRequest, key: str) -> HttpResponse:
    """Anybody's, to be revoked."""

    def revoke(actor: Actor) -> HttpResponse:
        work.revoke_token(actor, key, _why(request), stamp_of(request, actor), anybodys=True)
        return HttpResponse(status=204)

    return answer(request, {"DELETE": revoke})


def _listed(actor: Actor, asked: ListParameters, *, everybody: bool = False, email: str = "") -> HttpResponse:
    found, total = work.list_tokens(
        actor, limit=asked.limit, offset=asked.offset, inactive=asked.include_inactive, everybody=everybody, email=email
    )
    return json_response({"tokens": found, "total": total, "limit": asked.limit, "offset": asked.offset})


def _why(request: HttpRequest) -> str:
    return validated(TokenRevocation, json_body(request)).reason if request.body else ""
