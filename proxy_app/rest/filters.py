"""What of an API's answer reaches the client: a JMESPath expression, or a plain path as jq and JSONPath write it.

JMESPath has no loops, so that an expression ends; how much it makes of an answer is bounded here.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

LENGTH_LIMIT = 1000
# Larger answers are not filtered, and an expression may look at or make so many values.
FILTERED_AT_MOST_BYTES = 2 * 1024 * 1024
STEPS_LIMIT = 250_000
# `.items[0].name`, `.a["b c"]`, `.a[].b`, `$.a[*].b`: a step is a name, a quoted name, an index, or all of a list.
PATH = re.compile(r"""\$?(?:\.[A-Za-z_]\w*|\.?\["[^"\\]*"\]|\.?"[^"\\]*"|\.?\[(?:\d+|\*)?\])*\.?""", re.ASCII)
STEP = re.compile(r"""\.?(?:([A-Za-z_]\w*)|\[?"([^"\\]*)"\]?|\[(\d+|\*)?\])""", re.ASCII)
ALLOWED = "a JMESPath expression, or a plain path of jq such as .items[0].name"


class BadFilter(ValueError):
    """The message says what is allowed."""


class TooMuch(Exception):
    """The expression makes more of this answer than it may."""


class DoesNotFit(Exception):
    """The expression means nothing for this answer; the message says why."""


def apply(text: str, value: Any) -> Any:
    """What the filter takes of a JSON value. Raises TooMuch, DoesNotFit."""
    try:
        return _Bounded().visit(compiled(text), value)
    except RecursionError:
        raise TooMuch from None
    except JMESPathError as error:
        raise DoesNotFit(str(error)) from error
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:  # of its functions, for odd values
        raise DoesNotFit(f"It cannot be applied: {type(error).__name__}") from error


@lru_cache(maxsize=2048)
def compiled(text: str) -> Any:
    """The expression's tree. Raises BadFilter."""
    if len(text) > LENGTH_LIMIT:
        raise BadFilter(f"At most {LENGTH_LIMIT} characters: {ALLOWED}")
    try:
        tree = jmespath.compile(_translated(text)).parsed
        unknown = set(_functions(tree)) - Functions.FUNCTION_TABLE.keys()
    except (JMESPathError, RecursionError) as error:
        raise BadFilter(f"This is neither {ALLOWED.replace(', or', ' nor')}") from error
    if unknown:
        raise BadFilter(f"JMESPath has no function {min(unknown)}; what is taken: {ALLOWED}")
    return tree


def _functions(node: Any) -> Iterator[str]:
    if node["type"] == "function_expression":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _functions(child)


def _translated(text: str) -> str:
    """A plain path of jq or JSONPath as JMESPath; anything else as it is."""
    text = text.strip()
    if not text.startswith((".", "$")):
        return text
    if not PATH.fullmatch(text):
        raise BadFilter(f"Programs of jq may never end, so only plain paths of it are taken: {ALLOWED}")
    path = ""
    for name, quoted, index in STEP.findall(text.removeprefix("$").rstrip(".")):
        if name or quoted:
            path += f'{"." if path else ""}"{name or quoted}"'
        else:
            path += f"[{index or '*'}]"
    return path or "@"


class _Bounded(TreeInterpreter):
    """Counts what it looks at and what it makes.

    Only a multi-select puts one value in two places, so what it makes is measured as it would be written out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps = 0

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        value = super().visit(node, *args, **kwargs)
        made = node["type"] in {"multi_select_list", "multi_select_dict"}
        self._count(self._size(value) if made else 1 + (len(value) if isinstance(value, list | dict) else 0))
        return value

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > STEPS_LIMIT:
            raise TooMuch

    def _size(self, value: Any) -> int:
        """How many values are in it, counted no further than the limit; a long text counts for several."""
        size, waiting = 0, [value]
        while waiting and size <= STEPS_LIMIT:
            one = waiting.pop()
            size += 1
            if isinstance(one, dict):
                waiting.extend(one.values())
            elif isinstance(one, list):
                waiting.extend(one)
            elif isinstance(one, str):
                size += len(one) // 100
        return size
