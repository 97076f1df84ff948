"""Letters that nobody waits for: one thread of each process writes them, so that no answer tells whether there was one.

What a process has not sent when it ends is lost, and asked for again by whoever misses it.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from threading import BoundedSemaphore

from auth_app import mail
from auth_app.signals import letter
from gatewaysite.context import begin_background
from gatewaysite.db.units import return_leftovers

# Somebody else's mail server may be slow, and anybody may ask for a letter.
MOST_WAITING = 500
ENDS_WITHIN_S = 5.0

type Letter = tuple[str, str, dict[str, object]]  # template, address, context

log = logging.getLogger(__name__)
_places = BoundedSemaphore(MOST_WAITING)
_writers: list[ThreadPoolExecutor] = []  # started with the first letter, never before a fork


def post(template: str, to: str, context: dict[str, object]) -> None:
    """Send a letter soon."""
    write_soon(lambda: (template, to, context))


def write_soon(write: Callable[[], Letter | None]) -> None:
    """Find out on the writer's thread whom to write to, if anybody, and send it. `write` may run units of its own."""
    if not _places.acquire(blocking=False):
        log.warning("the outbox is full, a letter is dropped")
        letter.send(sender=None, outcome="dropped")
        return
    if not _writers:
        _writers.append(ThreadPoolExecutor(1, thread_name_prefix="outbox"))
    _writers[0].submit(Context().run, _write, write)


def close() -> None:
    """Send what waits for a few seconds more, and drop the rest."""
    if _writers:
        writer = _writers.pop()
        with suppress(TimeoutError):
            writer.submit(lambda: None).result(ENDS_WITHIN_S)
        writer.shutdown(wait=False, cancel_futures=True)


def _write(write: Callable[[], Letter | None]) -> None:
    begin_background("outbox")
    try:
        deliver(write)
    except Exception:  # the next letters must still go out
        log.exception("a letter was not written")
        letter.send(sender=None, outcome="failed")
    finally:
        return_leftovers()
        _places.release()


def deliver(write: Callable[[], Letter | None]) -> None:
    if found := write():
        letter.send(sender=None, outcome="sent" if mail.send(*found) else "failed")
