"""What the endpoint of the settings answers, and what both it and the page are asked."""

from typing import TypedDict

from pydantic import Field

from gatewaysite.validation import Plain


class Asked(Plain):
    search: str = Field("", max_length=100, description="In names and meanings.")
    changed: bool = Field(False, description="Only those that differ from their default.")


class SettingData(TypedDict):
    name: str
    group: str
    meaning: str
    value: str | None
    default: str
    allowed: str
    source: str
    is_set: bool
    is_secret: bool
    changed: bool


class FindingData(TypedDict):
    id: str
    level: str
    seen: str
    cure: str


class SettingsData(TypedDict):
    settings: list[SettingData]
    findings: list[FindingData]
