"""JSON endpoints of attestations, for administrators."""

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import validated
from proxy_app.observe.attest import work


class AttestationStart(BaseModel):
    """How long to watch."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    seconds: float = Field(60, ge=5, le=3600, description="How long to watch.")


def attestations(request: HttpRequest) -> HttpResponse:
    """Those there are, and starting one."""

    def list_them(actor: Actor) -> HttpResponse:
        return json_response({"attestations": work.recent(actor)})

    def start(actor: Actor) -> HttpResponse:
        wanted = validated(AttestationStart, json_body(request))
        return json_response(work.start(actor, wanted.seconds, stamp_of(request, actor)), status=202)

    return answer(request, {"GET": list_them, "POST": start})


def attestation(request: HttpRequest, key: str) -> HttpResponse:
    """One, with its signed report as `document` once it is done."""
    return answer(request, {"GET": lambda actor: json_response(work.read(actor, key))})
