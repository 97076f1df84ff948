"""What an attestation is about: which installation, and which code."""

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings

from gatewaysite import __version__

# What runs; tests, papers and scripts change nothing of it.
FOLDERS = ("auth_app", "gatewaysite", "proxy_app", "templates")
SUFFIXES = (".py", ".html", ".json")


def identity() -> dict[str, str | None]:
    return {"installation": settings.PUBLIC_URL, "version": __version__, "commit": commit(), "code": code()}


@cache
def code() -> str:
    """A hash of every file that runs: two installations with the same one run the same code, whatever they call it."""
    digest = hashlib.sha256()
    for folder in FOLDERS:
        for file in sorted((settings.BASE_DIR / folder).rglob("*")):
            if file.suffix in SUFFIXES and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(settings.BASE_DIR).as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def commit() -> str | None:
    """The commit that is checked out; None in an image, which has no history."""
    git = Path(settings.BASE_DIR) / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text().strip()
        packed = (line.split() for line in (git / "packed-refs").read_text().splitlines())
        return next((fields[0] for fields in packed if fields[1:] == [name]), None)
    except OSError:
        return None
