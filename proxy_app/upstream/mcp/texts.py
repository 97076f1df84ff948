"""Upstream text made fit to show to a person: one line, no controls, bounded."""

import re
import unicodedata

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def one_line(text: object, limit: int) -> str:
    """Controls and runs of space become one space; longer text is cut with an ellipsis. Not text: empty."""
    if not isinstance(text, str):
        return ""
    plain = " ".join(_CONTROLS.sub(" ", text[: limit * 4]).split())
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def paragraphs(text: object, limit: int) -> str:
    """Like one_line, but line breaks stay."""
    if not isinstance(text, str):
        return ""
    lines = unicodedata.normalize("NFC", text[:limit]).splitlines()
    return "\n".join(" ".join(_CONTROLS.sub(" ", line).split()) for line in lines)
