"""`make docs`: every link between the papers, and every path they name in `code`, leads somewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"")
CODE = re.compile(r"`((?:auth_app|bench|deploy|docs|gatewaysite|proxy_app|scripts|templates|tests)/[\w./-]*[\w/])`")


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wrong = [line for name in listed.stdout.split() for line in _wrong(ROOT / name)]
    print("\n".join(wrong) or "Every link leads somewhere.")
    return 1 if wrong else 0


def _wrong(paper: Path) -> Iterator[str]:
    for number, line in enumerate(paper.read_text().splitlines(), 1):
        where = f"{paper.relative_to(ROOT)}:{number}"
        for link in LINK.finditer(line):
            target = link[1] or link[2]
            if not _leads_somewhere(paper, target):
                yield f"{where}: {target}"
        for code in CODE.finditer(line):
            if not (ROOT / code[1]).exists():
                yield f"{where}: {code[1]}"


def _leads_somewhere(paper: Path, target: str) -> bool:
    """Links out of the project are not followed: a check must not depend on somebody else's server."""
    if re.match(r"[a-z]+:", target):
        return True
    path, _, anchor = target.partition("#")
    goal = (paper.parent / path).resolve() if path else paper
    if not goal.exists():
        return False
    return not anchor or goal.suffix != ".md" or anchor in _anchors(goal.read_text())


def _anchors(text: str) -> set[str]:
    """As GitHub makes them from headings: lower case, words joined, punctuation gone."""
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    sys.exit(main())
