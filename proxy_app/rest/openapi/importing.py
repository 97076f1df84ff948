"""From a document to the tools it would become: read, checked by the rules of every tool, then told or made."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from auth_app.actor import Actor
from auth_app.sso.outgoing import Question
from auth_app.stamps import Stamp
from gatewaysite.errors import BadInput
from gatewaysite.responses import dump_json
from gatewaysite.validation import bad_field, validated, values_of
from proxy_app.dataplane.outside import ask, check
from proxy_app.registry.kinds import TOOLS
from proxy_app.registry.kinds.tools import ToolCreate
from proxy_app.registry.rest_bodies import SCHEMA_LIMIT_BYTES
from proxy_app.rest.openapi import work
from proxy_app.rest.openapi.bodies import OpenApiData, OpenApiImport, OperationData
from proxy_app.rest.openapi.document import DOCUMENT_LIMIT_BYTES, BadDocument, Json, checked, parsed
from proxy_app.rest.openapi.operations import Draft, drafts_of, line_of
from proxy_app.rest.openapi.security import base_of, credential_of
from proxy_app.rest.openapi.work import Outcome, Ready, Target

FETCHED_WITHIN_S = 20.0
CREDENTIAL = frozenset(
    {"auth_type", "auth_token", "auth_username", "auth_password", "auth_headers"}
    | {"auth_header_key", "auth_header_value"}
)
# Of a tool that is there already: what the document says, and nobody here.
KEPT = frozenset({"name", "tags", "visibility", "team_id"})
SCHEMAS = ("input_schema", "output_schema")
UNSAID: Json = {"query_mapping": None, "header_mapping": None, "body_encoding": "json", "body_argument": ""}


@dataclass
class Reading:
    """A document on its way: what it says, and the operations that can be tools, ready to be made."""

    document: Json
    base_url: str
    target: Target
    digest: str
    drafts: list[Draft]
    ready: dict[str, Ready] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)  # of single operations


def fetched(url: str, field: str = "url") -> bytes:
    """The document at this address. Blocks the thread, which must hold nothing. Raises GatewayError."""
    check(url, field)
    headers = {"accept": "application/json, application/yaml, */*;q=0.5"}
    answer = ask(Question("GET", url, headers, within_s=FETCHED_WITHIN_S, limit_bytes=DOCUMENT_LIMIT_BYTES))
    if answer.status != 200:
        raise BadDocument(f"There is no document at this address: it answered {answer.status}", field)
    return answer.body


def read(asked: OpenApiImport) -> Reading:
    """Everything that needs no database. Raises BadDocument, BadInput and errors of the upstream."""
    document = _document(asked)
    base_url = (asked.base_url or base_of(document, asked.url or "")).rstrip("/")
    if not base_url:
        raise bad_field(
            "base_url", "The document names no server with a whole address: say where the API is", "missing"
        )
    check(base_url, "base_url")
    target = Target(base_url, asked.visibility, asked.team_id if asked.visibility == "team" else None)
    digest = hashlib.sha256(dump_json(document)).hexdigest()[:16]
    reading = Reading(document, base_url, target, digest, drafts_of(document, with_output=asked.with_output_schemas))
    for draft in reading.drafts:
        _make_ready(reading, draft, asked)
    return reading


def told(reading: Reading, actor: Actor) -> OpenApiData:
    """What would become of it."""
    there = work.imported(actor, reading.target)
    outcomes = {
        draft.id: Outcome("imported", tool_id=there[draft.id][0], name=there[draft.id][1])
        if draft.id in there
        else Outcome("new" if draft.id in reading.ready else "impossible")
        for draft in reading.drafts
    }
    return _data(reading, outcomes, applied=False)


def applied(reading: Reading, actor: Actor, operations: list[str] | None, stamp: Stamp) -> OpenApiData:
    """Make the chosen ones; all that can be, if nothing is said. An unknown or impossible one is named first."""
    unknown = [one for one in operations or () if one not in reading.ready]
    if unknown:
        raise bad_field("operations", f"The document has no such operation that can be imported: {unknown[0][:200]}")
    chosen = reading.ready.keys() if operations is None else dict.fromkeys(operations)
    made = work.import_tools(actor, reading.target, [reading.ready[one] for one in chosen], stamp)
    outcomes = {draft.id: made.get(draft.id, Outcome("left_out")) for draft in reading.drafts}
    return _data(reading, outcomes, applied=True)


def _document(asked: OpenApiImport) -> Json:
    if asked.url:
        return parsed(fetched(asked.url), "url")
    given = asked.document
    if isinstance(given, dict):
        return checked(given)
    return parsed(given or "")


def _make_ready(reading: Reading, draft: Draft, asked: OpenApiImport) -> None:
    """Check the tool as if somebody had sent it, and seal its credential."""
    if not draft.importable:
        return
    if draft.id in reading.ready:
        reading.problems[draft.id] = "Another operation of the document has this id"
        return
    if asked.prefix:
        draft.tool["name"] = f"{asked.prefix}-{draft.tool['name']}"
    scope = {"visibility": asked.visibility, "team_id": asked.team_id}
    tags = list(dict.fromkeys([*asked.tags, *draft.tool["tags"]]))
    credential = asked.model_dump(include={*CREDENTIAL} & asked.model_fields_set) if draft.secured else {}
    body = UNSAID | draft.tool | scope | credential | {"base_url": reading.base_url, "tags": tags}
    schemas = {name: body.pop(name) for name in SCHEMAS if name in body}  # made by us, and slow to check
    try:
        values = values_of(validated(ToolCreate, body))
        columns = dict(TOOLS.prepare(values) if TOOLS.prepare else values)
        columns |= {name: _schema_text(schema) for name, schema in schemas.items()}
    except BadInput as error:
        reading.problems[draft.id] = _why(error)
        return
    columns |= {"operation": draft.id, "original_description": columns.get("description")}
    again = {name: value for name, value in columns.items() if name not in KEPT}
    reading.ready[draft.id] = Ready(draft.id, columns, again)


def _schema_text(schema: Json) -> str:
    try:
        text = dump_json(schema).decode()
    except TypeError as error:
        raise bad_field("input_schema", "A number or text in its schema cannot be kept") from error
    if len(text) > SCHEMA_LIMIT_BYTES:
        raise bad_field("input_schema", "Its schema is larger than 256 KiB")
    return text


def _why(error: BadInput) -> str:
    first = error.fields[0] if error.fields else None
    return f"{'.'.join(map(str, first.loc[1:]))}: {first.msg}"[:300] if first else error.message


def _data(reading: Reading, outcomes: dict[str, Outcome], *, applied: bool) -> OpenApiData:
    info = reading.document.get("info")
    info = info if isinstance(info, dict) else {}
    credential, problems = credential_of(reading.document)
    operations = [_operation(reading, draft, outcomes[draft.id]) for draft in reading.drafts]
    statuses = [one["status"] for one in operations]
    return {
        "title": line_of(info.get("title"), 200) or "(no title)",
        "version": line_of(info.get("version"), 50),
        "openapi": line_of(reading.document["openapi"], 20),
        "baseUrl": reading.base_url,
        "digest": reading.digest,
        "credential": credential,
        "problems": problems,
        "applied": applied,
        "counts": {status: statuses.count(status) for status in sorted(set(statuses))},
        "operations": operations,
    }


def _operation(reading: Reading, draft: Draft, outcome: Outcome) -> OperationData:
    problem = reading.problems.get(draft.id, "")
    return {
        "operation": draft.id,
        "method": draft.method,
        "path": draft.path[:500],
        "name": outcome.name or draft.tool["name"],
        "description": draft.tool["description"],
        "secured": draft.secured,
        "importable": draft.importable and not problem,
        "problems": [*([problem] if problem else []), *draft.problems][:20],
        "status": outcome.status,
        "detail": outcome.detail,
        "toolId": outcome.tool_id,
        "tool": _tool(draft.tool),
    }


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """As it would be sent to POST /tools."""
    return {name: value for name, value in tool.items() if value not in (None, "", [])}
