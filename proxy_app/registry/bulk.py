"""One action on many items. Each is a unit of its own: one that is refused hides no other's success, nothing is locked
for longer than its own change, and every change has its audit entry.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self, TypedDict
from uuid import UUID

from django.db import Error as DatabaseError
from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from auth_app.actor import Actor
from auth_app.stamps import Stamp
from gatewaysite.errors import BadInput, GatewayError, Refused
from gatewaysite.middleware import translate
from gatewaysite.validation import Body, Tags
from proxy_app.registry import work
from proxy_app.registry.kind import Kind
from proxy_app.registry.validation import Visible

AT_MOST = 500
# What an action has to be told, and what only it is told.
NEEDED = {"tag": ("tags",), "untag": ("tags",), "move": ("visibility",)}
TAKEN = NEEDED | {"move": ("visibility", "team_id")}
LIMIT_OF_TAGS = 50

type Refusal = Callable[[GatewayError], object]
Key = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class BulkRequest(Body):
    """`tags` are for tag and untag, `visibility` and `teamId` for move."""

    action: Literal["enable", "disable", "delete", "tag", "untag", "move"]
    ids: Annotated[list[Key], Field(min_length=1, max_length=AT_MOST, description="Ids or slugs.")]
    tags: Tags = []
    visibility: Visible | None = None
    team_id: UUID | None = None

    @model_validator(mode="after")
    def _fits_the_action(self) -> Self:
        for name in ("tags", "visibility", "team_id"):
            if name in NEEDED.get(self.action, ()) and not getattr(self, name):
                raise PydanticCustomError("missing", "{name} is needed to {action}", self._words(name))
            if name in self.model_fields_set and name not in TAKEN.get(self.action, ()):
                raise PydanticCustomError("extra_forbidden", "{name} means nothing to {action}", self._words(name))
        return self

    def _words(self, name: str) -> dict[str, Any]:
        return {"name": {"team_id": "teamId"}.get(name, name), "action": self.action}


class BulkResult(TypedDict):
    id: str
    status: Literal["ok", "error"]
    name: str | None
    code: str | None
    message: str | None
    decision_id: str | None


class BulkData(TypedDict):
    results: list[BulkResult]
    ok: int
    failed: int


def run_bulk(kind: Kind, actor: Actor, asked: BulkRequest, stamp: Stamp, refused: Refusal) -> BulkData:
    """Each item once, in the order they were named. `refused` is told of every refusal before it is told to others."""
    results = list(_results(kind, actor, asked, stamp, refused))
    ok = sum(result["status"] == "ok" for result in results)
    return {"results": results, "ok": ok, "failed": len(results) - ok}


def _results(kind: Kind, actor: Actor, asked: BulkRequest, stamp: Stamp, refused: Refusal) -> Iterator[BulkResult]:
    """When the gateway itself is in trouble the rest is not tried: each would wait for it as long as the first."""
    trouble: GatewayError | None = None
    for key in dict.fromkeys(asked.ids):
        if trouble:
            yield _failed(key, trouble)
            continue
        try:
            item = _act(kind, actor, key, asked, stamp)
        except (GatewayError, DatabaseError) as error:
            known = translate(error)
            if known is None:
                raise
            refused(known)
            trouble = known if isinstance(known, Refused) else None
            yield _failed(key, known)
        else:
            yield {"id": key, "status": "ok", "name": item["name"], "code": None, "message": None, "decision_id": None}


def _act(kind: Kind, actor: Actor, key: str, asked: BulkRequest, stamp: Stamp) -> dict[str, Any]:
    if asked.action == "delete":
        return work.delete_item(kind, actor, key, stamp)
    if asked.action in ("tag", "untag"):
        change = _with(asked.tags) if asked.action == "tag" else _without(asked.tags)
        return work.retag_item(kind, actor, key, change, stamp)
    if asked.action == "move":
        scope = {"visibility": asked.visibility, "team_id": asked.team_id}
        return work.update_item(kind, actor, key, scope, stamp)
    return work.set_enabled(kind, actor, key, asked.action == "enable", stamp)


def _with(tags: Sequence[str]) -> Callable[[Sequence[str]], list[str]]:
    def add(present: Sequence[str]) -> list[str]:
        found = list(dict.fromkeys((*present, *tags)))
        if len(found) > LIMIT_OF_TAGS:
            raise BadInput(f"It would have {len(found)} tags; there may be {LIMIT_OF_TAGS}")
        return found

    return add


def _without(tags: Sequence[str]) -> Callable[[Sequence[str]], list[str]]:
    return lambda present: [tag for tag in present if tag not in tags]


def _failed(key: str, error: GatewayError) -> BulkResult:
    return {
        "id": key,
        "status": "error",
        "name": None,
        "code": error.code,
        "message": error.message,
        "decision_id": error.decision_id,
    }
