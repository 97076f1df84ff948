"""docs/faults.md names the tests that show what it promises: they are there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
PAGE = TESTS.parent / "docs" / "faults.md"
# `upstream/test_faults` *garbage*, *names*; "the same" stands for the files named a row before.
NAMED = re.compile(r"(e2e )?`((?:\w+/)*test_\w+)`((?: \*[^*]+\*,?)*)")


def named() -> list[tuple[str, str]]:
    """Each file, with each part of a name (or the heading of a section) that is looked for in it."""
    found = []
    for end_to_end, file, parts in NAMED.findall(PAGE.read_text()):
        path = f"end_to_end/{file}.py" if end_to_end else f"{file}.py"
        found += [(path, part) for part in re.findall(r"\*([^*]+)\*", parts) or [""]]
    return found


def test_many_are_named() -> None:
    assert len(named()) > 60


@pytest.mark.parametrize(("file", "part"), sorted(set(named())))
def test_what_the_page_names_is_there(file: str, part: str) -> None:
    names = re.findall(
        r"^(?:async )?def (test_\w+)|^# --- (.+?) -|^(\w+)\b.* = ", (TESTS / file).read_text(), re.MULTILINE
    )
    assert any(part in "".join(name) for name in names)
