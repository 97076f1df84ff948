"""What is sent to the endpoints of export and import, and what they answer, by the names of the existing system."""

from typing import Annotated, Any, Literal, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic_core import PydanticCustomError

from gatewaysite.validation import Plain
from proxy_app.transfer.sections import BY_NAME
from proxy_app.transfer.shapes import Strategy

Names = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=5000)]


def _parts(text: str) -> str:
    unknown = [name for name in parts_in(text) if name not in BY_NAME]
    if unknown:
        raise PydanticCustomError("parts", "There is no part {name}; there are {known}",
                                  {"name": unknown[0], "known": ", ".join(BY_NAME)})  # fmt: skip
    return text


def parts_in(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


Parts = Annotated[str, Field(max_length=1000), AfterValidator(_parts)]


class Choosing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    include_inactive: bool = Field(False, description="What is switched off too.")
    include_dependencies: bool = Field(True, description="In the envelope: which servers name what.")
    include_ids: bool = Field(False, description="Ids besides names, so that an import finds what was renamed.")
    format: Literal["envelope", "json", "yaml"] = Field(
        "envelope", description="envelope: as the existing system does. json, yaml: the document itself."
    )


class ExportParameters(Choosing):
    types: Parts = Field("", description="Comma separated; only these parts.")
    exclude_types: Parts = Field("", description="Comma separated; all parts but these.")
    tags: str = Field("", max_length=1000, description="Comma separated; only what has one of them.")


class SelectiveParameters(Choosing):
    include_inactive: bool = Field(True, description="What is switched off too.")


_PARTS: dict[str, Any] = dict.fromkeys(BY_NAME, (Names | None, None))
Selection: type[Plain] = create_model(
    "Selection", __base__=Plain, __doc__="Names, or ids, by part; an empty list is all of it.", **_PARTS
)


class ImportPlan(Plain):
    """The document as an object, or as the text of a YAML or JSON file."""

    import_data: dict[str, Any] | str = Field(description="Ours, or an export of the existing system.")
    conflict_strategy: Strategy = Field(
        "update", description="What becomes of what is there already: update, skip, rename (the new one), fail."
    )
    prune: bool = Field(False, description="Delete what is there of the document's parts, and not in it.")
    selected_entities: dict[str, Names] | None = Field(None, description="Names by part: only these are taken.")


class ImportRequest(ImportPlan):
    dry_run: bool = Field(False, description="Only say what would happen.")
    fingerprint: str = Field("", max_length=64, description="Of a plan: 409 when anything else would happen.")


class CleanupParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max_age_hours: int = Field(24, ge=1, le=24 * 365, description="Younger ones are kept.")


class ImportProgress(TypedDict):
    total: int
    processed: int
    created: int
    updated: int
    deleted: int
    skipped: int
    unchanged: int
    failed: int


class ImportStatus(TypedDict):
    """An import: planned, pending, running, completed, or failed, and then nothing was changed."""

    import_id: str
    status: str
    progress: ImportProgress
    errors: list[str]
    warnings: list[str]
    started_at: Any
    completed_at: Any
    created_by: str
    created_at: Any
    dry_run: bool
    conflict_strategy: str
    prune: bool
    fingerprint: str


class ChangedMember(TypedDict):
    """`before` and `after` are JSON texts."""

    member: str
    before: str
    after: str


class ChangedSecret(TypedDict):
    member: str
    how: str
    words: str
    variable: str | None


class ImportChange(TypedDict):
    action: str
    section: str
    kind: str
    name: str
    path: str
    whose: str
    members: list[ChangedMember]
    secrets: list[ChangedSecret]
    notes: list[str]


class ConflictMember(TypedDict):
    member: str
    message: str


class ImportConflict(TypedDict):
    section: str
    path: str
    name: str
    code: str
    message: str
    members: list[ConflictMember]


class LeftOut(TypedDict):
    section: str
    name: str
    reason: str


class MissingSecret(TypedDict):
    section: str
    name: str
    member: str
    variable: str | None


class ImportPlanData(TypedDict):
    """What an import would do. With its `fingerprint`, POST /import does that, or nothing."""

    fingerprint: str
    has_changes: bool
    counts: dict[str, int]
    changes: list[ImportChange]
    conflicts: list[ImportConflict]
    left_out: list[LeftOut]
    missing_secrets: list[MissingSecret]
    notes: list[str]


class ImportDetail(ImportStatus):
    plan: ImportPlanData | dict[str, Any]


class ExportData(TypedDict):
    """The existing system's envelope around the parts of a document."""

    version: str
    format: str
    exported_at: Any
    exported_by: str
    source_gateway: str
    encryption_method: None
    entities: dict[str, list[dict[str, Any]]]
    metadata: dict[str, Any]
