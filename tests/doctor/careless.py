"""An application that makes at import what must not exist before a fork."""

import asyncio
import socket
import threading
from typing import Any

thread = threading.Thread(target=threading.Event().wait, name="too early", daemon=True)
thread.start()
listener = socket.socket()
loop = asyncio.SelectorEventLoop()


async def application(*_call: Any) -> None: ...
