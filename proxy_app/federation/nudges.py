"""Refreshing a gateway because its server said that its lists have changed: soon, once, and not all the time."""

import asyncio
import logging
from contextvars import Context
from uuid import UUID

from gatewaysite.context import begin_background
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from proxy_app.federation import work

LIST_CHANGED = frozenset(f"notifications/{kind}/list_changed" for kind in ("tools", "resources", "prompts"))
# However often a server says so: in one process a gateway is refreshed once in so long, the last time at its end.
ONCE_IN_S = 30.0
SOON_S = 0.5

log = logging.getLogger(__name__)


class Nudges:
    """Loop code only. Jobs of one gateway wait for each other, so those of several processes become one."""

    def __init__(self) -> None:
        self._due: dict[UUID, asyncio.Task[None]] = {}
        self._not_before: dict[UUID, float] = {}

    def noted(self, gateway_id: UUID) -> None:
        """Never waits. What is said while one is due already is said by that one."""
        if gateway_id not in self._due:
            pause_s = max(SOON_S, self._not_before.get(gateway_id, 0.0) - asyncio.get_running_loop().time())
            self._due[gateway_id] = asyncio.create_task(self._enqueue(gateway_id, pause_s), context=Context())

    async def stop(self) -> None:
        for task in tuple(self._due.values()):
            task.cancel()
        await asyncio.gather(*self._due.values(), return_exceptions=True)

    async def _enqueue(self, gateway_id: UUID, pause_s: float) -> None:
        begin_background("list-changed")
        try:
            await asyncio.sleep(pause_s)
            self._not_before[gateway_id] = asyncio.get_running_loop().time() + ONCE_IN_S
            await run_unit(work.refresh_told, gateway_id)
        except Exception as error:
            log.warning("a gateway was not refreshed", extra={"error": str(error)}, exc_info=not is_trouble(error))
        finally:
            del self._due[gateway_id]


nudges = Nudges()
