"""Entity tags: whether what somebody has in their hands is still what is there.

The tag of an item is its version and a hash of the whole answer. A cache has to know that the answer is the same; who
writes has to know only that nobody else has written, so of a tag in `If-Match` the version alone counts, and `"7"` is
enough of one. What is measured of an item (that its gateway answers, when it was last seen) makes no write stale.
"""

import hashlib
import re
from collections.abc import Collection

from django.http import HttpRequest

from gatewaysite.errors import BadInput, FieldError, GatewayError

TAG = r'(?:W/)?"[^"]*"'
TAGS = re.compile(rf"\s*{TAG}\s*(?:,\s*{TAG}\s*)*")
# Which versions a write is for; None for whichever there is.
type Versions = Collection[str] | None


class Stale(GatewayError):
    """It has been changed meanwhile; read it again."""

    status, code = 412, "precondition_failed"

    def __init__(self, version: int) -> None:
        super().__init__(f"It has been changed meanwhile, and is at version {version} now; read it again.")
        self.headers = {"ETag": f'"{version}"'}
        self.version = version


def tag_of(body: bytes, version: object = "") -> str:
    digest = hashlib.sha256(body).hexdigest()[:20]
    return f'"{version}-{digest}"' if version else f'"{digest}"'


def is_known(request: HttpRequest, tag: str) -> bool:
    """Whether the caller has the answer with this tag already."""
    said = request.headers.get("If-None-Match", "")
    return said.strip() == "*" or tag in re.findall(r'"[^"]*"', said)


def expected_versions(request: HttpRequest) -> Versions:
    """What `If-Match` says about the version of an item."""
    said = request.headers.get("If-Match", "*")
    if said.strip() == "*":
        return None
    if not TAGS.fullmatch(said):
        message = 'This is a list of entity tags in quotation marks, such as "7", or a star'
        raise BadInput(fields=[FieldError(("header", "If-Match"), message)])
    return {tag.partition("-")[0] for tag in re.findall(r'"([^"]*)"', said)}


def require_version(versions: Versions, version: int) -> None:
    """Raises Stale unless the write is for this version."""
    if versions is not None and str(version) not in versions:
        raise Stale(version)
