"""When each token was used last: noted in memory for every use, written down now and then for all together."""

import asyncio
import logging
import time
from uuid import UUID

from gatewaysite.context import Phase, begin_background
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from gatewaysite.errors import Refused
from gatewaysite.phases import during

EVERY_S = 5.0

log = logging.getLogger(__name__)

type Uses = dict[UUID, tuple[float, str | None]]  # when, and from which address


class LastUses:
    """One per process. Noting is a dictionary's assignment, from any thread."""

    def __init__(self) -> None:
        self._seen: Uses = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, token_id: UUID, client: str | None) -> None:
        self._seen[token_id] = (time.time(), client)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.write()

    async def _run(self) -> None:
        begin_background("token-uses")
        while True:
            await asyncio.sleep(EVERY_S)
            await self.write()

    async def write(self) -> None:
        """What cannot be written now is written with what comes next, unless that is younger."""
        from auth_app.tokens import work  # which knows who uses tokens, and so us

        taken, self._seen = self._seen, {}
        if not taken:
            return
        try:
            with during(Phase.AUDIT):
                await run_unit(work.write_uses, taken)
        except Exception as error:
            for token_id, use in taken.items():
                self._seen.setdefault(token_id, use)
            if not (is_trouble(error) or isinstance(error, Refused)):
                log.exception("the last uses of tokens wait to be written")


last_uses = LastUses()
