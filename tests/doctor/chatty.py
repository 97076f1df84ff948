"""An application that prints when its process ends."""

import atexit
from typing import Any

atexit.register(print, "good bye")


async def application(*_call: Any) -> None: ...
