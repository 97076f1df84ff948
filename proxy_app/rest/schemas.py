"""Whether arguments, and answers, are as a JSON Schema says: checked as far as that is cheap.

The schema may be a stranger's. Nothing is fetched, patterns are left to the API (one may take Python for ever), and
after so many steps the rest is believed.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator, SchemaError, ValidationError
from jsonschema.exceptions import UnknownType
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

STEPS_LIMIT = 4_000
WORDS_LIMIT = 300
# What costs more than one look at each value, or depends on the text of a pattern.
LEFT_OUT = ("pattern", "patternProperties", "format", "uniqueItems", "unevaluatedProperties", "unevaluatedItems")


class _Enough(Exception):
    """It would take too long to go on."""


NO_SCHEMA = (
    _Enough, RecursionError, UnknownType, Unresolvable, TypeError, ValueError, KeyError, AttributeError
)  # fmt: skip


class Schema:
    """One schema, ready to be asked. Made once; keeps nothing of what it was asked about."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = _Validator(schema, registry=Registry())

    def trouble(self, value: Any) -> str:
        """What is wrong with a value, for whoever sent it; empty for nothing that was found."""
        _steps.left = STEPS_LIMIT
        try:
            found = next(self._validator.iter_errors(value), None)
        except NO_SCHEMA:
            return ""  # no schema that can be followed, which is not the caller's doing
        return "" if found is None else _said(found)


def why_no_schema(schema: Any) -> str:
    """What makes this no JSON Schema; empty when it is one.

    Asks the older draft, whose own schema is followed much faster; it differs in what hardly anybody writes.
    """
    try:
        Draft7Validator.check_schema(schema)
    except SchemaError as error:
        return _said(error)
    except RecursionError:
        return "it is nested too deeply"
    return ""


class _Steps:
    left = STEPS_LIMIT


_steps = _Steps()


def _said(error: ValidationError | SchemaError) -> str:
    """At which place, and what the schema asks for there; never the whole value, which may be large."""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    words = error.message if len(error.message) <= WORDS_LIMIT else f"it does not fit “{error.validator}”"
    return f"{place.removeprefix('.')}: {words}" if place else words


def _counted(keyword: Callable[..., Any]) -> Callable[..., Any]:
    def check(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        _steps.left -= 1
        if _steps.left < 0:
            raise _Enough
        yield from keyword(validator, wanted, value, schema) or ()

    return check


def _anything(*_given: Any) -> tuple[()]:
    return ()


_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        name: _anything if name in LEFT_OUT else _counted(check)
        for name, check in Draft202012Validator.VALIDATORS.items()
    },
)
