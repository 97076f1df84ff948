"""Connections of our own beside the pool, from the event loop."""

import traceback
from typing import Any

import psycopg

from gatewaysite.db.options import DEAD_AFTER

CONNECT_WITHIN_S = 5


async def connect_directly(
    conninfo: str, *, name: str, within_s: int = CONNECT_WITHIN_S
) -> psycopg.AsyncConnection[Any]:
    """A connection in autocommit that `name` tells apart in the server's list of sessions. Or nothing is left open."""
    options: dict[str, Any] = {"connect_timeout": within_s, "application_name": name, **DEAD_AFTER}
    try:
        return await psycopg.AsyncConnection.connect(conninfo, autocommit=True, **options)
    except BaseException as error:
        _let_go(error)
        raise


def _let_go(error: BaseException | None) -> None:
    """Close what the failed attempt has open.

    The library leaves that to Python, and keeps its error in the same frame: a circle, which a process at rest does not
    break for minutes. A server that hung takes every such socket for a session when it comes to itself.
    """
    seen: set[int] = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
