"""What a call of a tool would be: whether its arguments fit, and of a REST tool the request, without its secret."""

import json
from typing import Any, Literal, TypedDict

from pydantic import Field

from gatewaysite.validation import MASK, Body
from proxy_app.registry.data import AnyObject
from proxy_app.rest.plan import RestPlan, plan_of
from proxy_app.rest.preview.work import ToolNow
from proxy_app.rest.request import BadArguments, RestRequest, request_of
from proxy_app.rest.schemas import Schema

BODY_LIMIT = 20_000
HINTS = ("title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


class PreviewBody(Body):
    arguments: dict[str, Any] = Field({}, description="As a client would send them.")


class PreviewWarning(TypedDict):
    code: str
    hook: None
    message: str


class PreviewRequest(TypedDict):
    """What would be sent. Of the credential only the names of its headers are told."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None


class PreviewData(TypedDict):
    validated: bool
    resolvedArguments: AnyObject
    target: AnyObject
    annotations: AnyObject
    preHooksRun: list[str]
    warnings: list[PreviewWarning]
    request: PreviewRequest | None


def preview_of(tool: ToolNow, arguments: dict[str, Any]) -> PreviewData:
    plan = plan_of(tool.row) if tool.integration == "REST" else None
    request, trouble = _request(plan, arguments) if plan else (None, _check(tool.input_schema, arguments))
    return {
        "validated": not trouble,
        "resolvedArguments": arguments,
        "target": _target(tool, plan),
        "annotations": {hint: tool.annotations.get(hint) for hint in HINTS},
        "preHooksRun": [],
        "warnings": [{"code": "invalid_arguments", "hook": None, "message": trouble}] if trouble else [],
        "request": _shown(plan, request) if plan and request else None,
    }


def _request(plan: RestPlan, arguments: dict[str, Any]) -> tuple[RestRequest | None, str]:
    try:
        return request_of(plan, arguments), ""
    except BadArguments as error:
        return None, str(error)


def _check(schema: str, arguments: dict[str, Any]) -> str:
    try:
        parsed = json.loads(schema)
    except (ValueError, RecursionError):
        return ""
    return Schema(parsed).trouble(arguments) if isinstance(parsed, dict) else ""


def _target(tool: ToolNow, plan: RestPlan | None) -> dict[str, str | None]:
    if plan is None:
        kind: Literal["federated", "a2a", "rest"] = "federated" if tool.gateway else "a2a"
        return {"kind": kind, "gatewayName": tool.gateway}
    return {"kind": "rest", "gatewayName": None, "origin": plan.origin}


def _shown(plan: RestPlan, request: RestRequest) -> PreviewRequest:
    secret = {name.decode(): MASK for name, _value in plan.secret or ()}
    return {
        "method": request.method,
        "url": plan.origin + request.target,
        "headers": {name.decode(): value.decode("latin-1") for name, value in request.headers} | secret,
        "body": request.body.decode(errors="replace")[:BODY_LIMIT] if request.body else None,
    }
