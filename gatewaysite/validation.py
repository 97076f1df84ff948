"""Request bodies: rules of fields that many have, written once, and pydantic's findings in the gateway's words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from django.core.exceptions import ValidationError as ValidationFailed
from django.core.validators import validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from gatewaysite.errors import BadInput, FieldError
from gatewaysite.rates import rates_of

# What answers show in the place of a secret.
MASK = "*****"
# PostgreSQL stores no NUL and no half surrogate pair; the other controls would only hide something from a reader.
NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# In a line there are also no line ends, and nothing that turns the direction of what follows.
NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Body(BaseModel):
    """A request body. Fields may be written in camelCase or snake_case, not in both; unknown ones are refused."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        hide_input_in_errors=True,
    )


class Plain(BaseModel):
    """A request body, or the parameters of a query, whose fields are written as they are here; others are refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def validated[B: BaseModel](model: type[B], data: Any, *, where: str = "body") -> B:
    """The data as this model, or BadInput that lists every field that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # Never the input itself: it may be a secret.
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise BadInput(fields=[FieldError((where, *one["loc"]), one["msg"], one["type"]) for one in found]) from None


def values_of(body: BaseModel) -> dict[str, Any]:
    """What the caller wrote, by snake_case name. What was left out is left out."""
    return body.model_dump(exclude_unset=True)


def bad_field(name: str, message: str, type: str = "value_error") -> BadInput:
    """One field of the body that only the database could find fault with."""
    return BadInput(fields=[FieldError(("body", name), message, type)])


def _one_line(text: str) -> str:
    if NOT_IN_A_LINE.search(text):
        raise PydanticCustomError("unprintable", "Control characters and line ends do not belong into a name")
    return text


def plain_text(text: str) -> str:
    if NOT_IN_TEXT.search(text):
        raise PydanticCustomError("unprintable", "Control characters do not belong into text")
    return text


def not_the_mask(text: str) -> str:
    if text == MASK:
        raise PydanticCustomError("masked", "This is the mask that answers show; leave it out to keep what is stored")
    return text


def _label(tag: Any) -> Any:
    """Tags come back as {id, label} in answers, and may be sent as such."""
    return tag.get("label", tag.get("id")) if isinstance(tag, Mapping) else tag


def _no_comma(tag: str) -> str:
    if "," in tag:
        raise PydanticCustomError("comma", "A comma separates tags in a filter, so that it cannot be in one")
    return tag


def _email(text: str) -> str:
    try:
        validate_email(text)
    except ValidationFailed as error:
        raise PydanticCustomError("email", "This is no e-mail address, such as ann@example.com") from error
    return text


def _rate(text: str) -> str:
    try:
        rates_of("", "", text)
    except ValueError as error:
        raise PydanticCustomError("rate_limit", "It {why}", {"why": str(error)}) from error
    return text


def not_a_number(moment: Any) -> Any:
    """Seconds since 1970 are read as a time by pydantic, and meant as one by nobody."""
    if isinstance(moment, int | float) or (isinstance(moment, str) and re.fullmatch(r"\s*[-+]?[\d._]+\s*", moment)):
        raise PydanticCustomError("datetime_parsing", "This is no time such as 2026-11-20T12:00:00Z")
    return moment


def in_utc(moment: datetime) -> datetime:
    """PostgreSQL knows fewer time zones than a text can name."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("datetime_parsing", "This is before or after all time we know") from error


def _once(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_one_line)]
Description = Annotated[str, StringConstraints(max_length=8192), AfterValidator(plain_text)]
Tag = Annotated[
    str,
    BeforeValidator(_label, json_schema_input_type=str),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_one_line),
    AfterValidator(_no_comma),
]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(_email)]
RateText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_rate)]
Moment = Annotated[AwareDatetime, BeforeValidator(not_a_number), AfterValidator(in_utc)]
Tags = Annotated[list[Tag], Field(max_length=50), AfterValidator(_once)]
