"""Names: what people write, the slugs made of them, and the public names clients call."""

import hashlib
import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

PUBLIC_NAME_LIMIT = 128  # MCP's limit for the name of a tool
MCP_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
# What the key of a proxy route's pool begins with, and an agent's; a gateway's is its bare id.
ROUTE_KEY = "route:"
# And those of agents, and of the pool that the REST tools of one origin share.
AGENT_KEY = "agent:"
REST_KEY = "rest:"
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@lru_cache(maxsize=20_000)
def slugify(name: str) -> str:
    """Lower case Latin letters and digits with single dashes between: `My Gateway_2` becomes `my-gateway-2`.

    Empty when the name holds neither; whoever asks decides what that means.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def public_tool_name(gateway_slug: str, custom_name: str) -> str:
    """What clients call a gateway's tool: `gw1` and `echo_00` make `gw1-echo-00`. Prompts are named the same way.

    A name past MCP's limit ends in a digest of the whole, so that long names that differ only at the end stay apart.
    """
    name = "-".join(part for part in (gateway_slug, slugify(custom_name)) if part)
    if len(name) <= PUBLIC_NAME_LIMIT:
        return name
    digest = hashlib.sha256(f"{gateway_slug}-{custom_name}".encode()).hexdigest()[:8]
    return f"{name[: PUBLIC_NAME_LIMIT - 9].rstrip('-')}-{digest}"


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The wanted name, or the first of `wanted-2`, `wanted-3`, ... that nobody has."""
    if wanted not in taken:
        return wanted
    number = 2
    while (name := f"{wanted[: PUBLIC_NAME_LIMIT - 6]}-{number}") in taken:
        number += 1
    return name


def display_name(name: str) -> str:
    """A name for people: `echo_00` becomes `Echo 00`. Words that bring capitals of their own keep them."""
    words = re.sub(r"[_.\-\s]+", " ", name).split()
    return " ".join(word[:1].upper() + word[1:] for word in words)
