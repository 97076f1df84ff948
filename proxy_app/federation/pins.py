"""The pin of a tool: the hash of what a model is told of it, however its server writes that down."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# What decides when a tool is called, and with what. Icons and `_meta` are not among it.
PINNED = ("original_name", "title", "original_description", "input_schema", "output_schema", "annotations")
SCHEMAS = frozenset({"input_schema", "output_schema"})


def pin_of(values: Mapping[str, Any]) -> str:
    """Of a tool's columns. Another order of keys, and 1.0 in place of 1, is the same tool (RFC 8785 in spirit)."""
    definition = {name: _meant(name, values[name]) for name in PINNED}
    return hashlib.sha256(canonical(definition).encode()).hexdigest()


def definition_of(row: Any) -> dict[str, Any]:
    """The pinned columns of a tool's row."""
    return {name: getattr(row, name) for name in PINNED}


def canonical(value: Any) -> str:
    """JSON with sorted keys and nothing between. In ASCII: half surrogate pairs are hashed like all else."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _meant(name: str, value: Any) -> Any:
    return json.loads(value) if name in SCHEMAS and value else value or None


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, list) else value
