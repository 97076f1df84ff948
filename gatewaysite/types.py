"""Types that everything uses: the shapes of ASGI, and figures within bounds."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Annotated, Any

from msgspec import Meta

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

# What other processes tell. Within these bounds it can be added up, shown as a time, and written as JSON.
Number = Annotated[float, Meta(ge=-1e12, le=1e15)]
Count = Annotated[int, Meta(ge=0, le=10**15)]
Timestamp = Annotated[float, Meta(ge=0, le=32e9)]
