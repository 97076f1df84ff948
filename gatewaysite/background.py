"""What a process writes down now and then, beside its requests, and once more at its end."""

import asyncio

from gatewaysite.context import begin_background


class Background:
    """One per process; started and stopped with its event loop. `name` is its route in logs, ledger and metrics."""

    name: str
    every_s: float

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.write()

    async def write(self) -> None:
        """Must not raise: nobody would begin again."""
        raise NotImplementedError

    async def turn(self) -> None:
        """What is done each time."""
        await self.write()

    async def _run(self) -> None:
        begin_background(self.name)
        while True:
            await asyncio.sleep(self.every_s)
            await self.turn()
