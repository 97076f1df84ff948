"""`.env.example` names exactly what is read from the environment, with the defaults that apply."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewaysite.environment import described, written

ROOT = Path(__file__).resolve().parent.parent.parent
LINE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)

# A sentence, or an example of what may be written.
LAST_OF_A_SENTENCE = (".", "sslmode=require", "max_connections", "servers", "example.com", "))'")


def calls(file: str, on: str) -> Iterator[ast.Call]:
    """Every call `<on>.<method>("NAME", ...)` in a file of the project."""
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == on:
            yield node


def name_of(call: ast.Call) -> str:
    (name, *_) = call.args
    assert isinstance(name, ast.Constant), f"line {call.lineno}: the name has to be written out, to be found"
    return str(name.value)


@pytest.fixture
def documented() -> dict[str, str]:
    return dict(LINE.findall((ROOT / ".env.example").read_text()))


def test_every_name_that_is_read_is_documented_and_no_other(documented: dict[str, str]) -> None:
    read = {name_of(call) for call in calls("gatewaysite/settings.py", "env")}
    read |= {name_of(call) for call in calls("gunicorn.conf.py", "os.environ")}
    assert read == set(documented)


def test_no_name_is_documented_twice() -> None:
    names = [name for name, _ in LINE.findall((ROOT / ".env.example").read_text())]
    assert len(names) == len(set(names))


def test_every_name_has_words_of_its_own_and_a_group() -> None:
    wordless = [one.name for one in described() if not one.meaning.endswith(LAST_OF_A_SENTENCE) or not one.group]
    assert not wordless


def test_documented_defaults_are_the_ones_that_apply(documented: dict[str, str]) -> None:
    for call in calls("gatewaysite/settings.py", "env"):
        for keyword in call.keywords:
            if keyword.arg == "default" and isinstance(keyword.value, (ast.Constant, ast.BinOp)):
                default = eval(compile(ast.Expression(keyword.value), "settings.py", "eval"), {})  # noqa: S307 -- our file
                assert documented[name_of(call)] == written(default), name_of(call)
