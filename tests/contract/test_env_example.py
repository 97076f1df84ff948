"""`.env.example` names exactly what is read from the environment, with the defaults that apply."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LINE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


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


def test_documented_defaults_are_the_ones_that_apply(documented: dict[str, str]) -> None:
    for call in calls("gatewaysite/settings.py", "env"):
        for keyword in call.keywords:
            if keyword.arg == "default" and isinstance(keyword.value, (ast.Constant, ast.BinOp)):
                default = eval(compile(ast.Expression(keyword.value), "settings.py", "eval"), {})  # noqa: S307 -- our file
                assert documented[name_of(call)] == written(default), name_of(call)


def written(default: object) -> str:
    """A default as one writes it into the file: no `.0`, small truth values."""
    return str(default).lower() if isinstance(default, bool) else re.sub(r"\.0$", "", str(default))
