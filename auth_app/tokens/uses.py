"""When each token was used last: noted in memory for every use, written down now and then for all together."""

import logging
import time
from uuid import UUID

from gatewaysite.background import Background
from gatewaysite.context import Phase
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from gatewaysite.errors import Refused
from gatewaysite.phases import during

log = logging.getLogger(__name__)

type Uses = dict[UUID, tuple[float, str | None]]  # when, and from which address


class LastUses(Background):
    """One per process. Noting is a dictionary's assignment, from any thread."""

    name, every_s = "token-uses", 5.0

    def __init__(self) -> None:
        super().__init__()
        self._seen: Uses = {}

    def note(self, token_id: UUID, client: str | None) -> None:
        self._seen[token_id] = (time.time(), client)

    async def write(self) -> None:
        """What cannot be written now is written with what comes next, unless that is younger.

        What never can be is lost, so that the rest is not.
        """
        from auth_app.tokens import work  # which knows who uses tokens, and so us

        taken, self._seen = self._seen, {}
        if not taken:
            return
        try:
            with during(Phase.AUDIT):
                await run_unit(work.write_uses, taken)
        except Exception as error:
            if not (is_trouble(error) or isinstance(error, Refused)):
                log.exception("the last uses of tokens could not be stored")
                return
            for token_id, use in taken.items():
                self._seen.setdefault(token_id, use)


last_uses = LastUses()
