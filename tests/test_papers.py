"""The papers that grow by a line with every change: no line is there twice, and a word is where one looks for it."""

import re
from pathlib import Path

HERE = Path(__file__).parents[1]


def test_the_glossary_has_every_word_once_and_in_order() -> None:
    lines = [line for line in (HERE / "docs/glossary.md").read_text().splitlines() if line.startswith("| **")]
    words = [re.sub(r"[-*|]", "", line.partition("**")[2].partition("**")[0]).lower() for line in lines]

    assert len(lines) == len(set(lines)) > 50
    assert words == sorted(words)


def test_the_changelog_says_nothing_twice() -> None:
    beginnings = [line[:40] for line in (HERE / "CHANGELOG.md").read_text().splitlines() if line.startswith("- ")]

    assert len(beginnings) == len(set(beginnings)) > 30
