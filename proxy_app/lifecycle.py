"""What lives between the start and the end of a worker process, in order."""

import asyncio
import gc
import logging
import sys

from auth_app import outbox
from auth_app.current import TokenLookup
from auth_app.decisions.recording import writer as denials
from auth_app.oauth.documents import Documents
from auth_app.tokens.uses import last_uses
from gatewaysite.context import begin_background
from gatewaysite.db.units import close_pool, start_units, stop_units
from gatewaysite.errors import GatewayError
from proxy_app.apps import close_upstreams, open_upstreams
from proxy_app.dataplane.bridge import Bridge
from proxy_app.dataplane.caller import find_entry_now
from proxy_app.dataplane.client_documents import fetch_document
from proxy_app.dataplane.health import Draining
from proxy_app.federation.nudges import nudges
from proxy_app.federation.prober import prober
from proxy_app.federation.worker import job_worker
from proxy_app.observe.board import board
from proxy_app.observe.metrics import publisher
from proxy_app.observe.recorder import recorder
from proxy_app.observe.upstreams import teller
from proxy_app.ratelimits.admission import admission
from proxy_app.snapshot.keeper import keeper

log = logging.getLogger(__name__)

# Objects more than before until the collector looks for cycles, and how many rounds until it looks at older ones too.
# Thousands of calls in flight are a lot of objects and few cycles: with Python's own (2,000, 10, 10) collecting took
# 22 % of the CPU at 1,000 clients, with these 6 %. Yet closed connections are cycles, and must not pile up (at 50,000
# they did: 25 MB for every 4,000).
COLLECT_AFTER = (20_000, 5, 2)


# Seconds after which a thread that computes lets others of its process go on. A unit of work needs the interpreter back
# after each statement, with its connection held: with Python's own 5 ms, and pages being rendered beside it, reading a
# table of 50 tools held a connection for 91 ms at p99, with this for 38 (and one page rendered at a time).
TAKE_TURNS_AFTER_S = 0.0005


async def start() -> None:
    begin_background("startup")
    Bridge.loop = asyncio.get_running_loop()
    start_units()
    await open_upstreams()
    recorder.start()
    last_uses.start()
    denials.start()
    await keeper.start()
    TokenLookup.find = staticmethod(find_entry_now)
    Documents.fetch = staticmethod(fetch_document)
    job_worker.start()
    prober.start()
    publisher.start()
    board.start()
    teller.start()
    sys.setswitchinterval(TAKE_TURNS_AFTER_S)
    _calm_collector()


async def stop() -> None:
    """The reverse: first whatever makes work, then whatever the work needs."""
    Draining.on = True
    Bridge.loop = None
    await asyncio.to_thread(outbox.close)
    await teller.stop()
    await board.stop()
    await publisher.stop()
    await prober.stop()
    await nudges.stop()
    await job_worker.stop()
    await keeper.stop()
    await denials.stop()
    await last_uses.stop()
    await recorder.stop()
    await admission.counters.close()
    await close_upstreams()
    await stop_units()
    close_pool()


async def apply_changes() -> None:
    """Let the writer of a change see it at once in its own process. The others follow by notification."""
    begin_background("after-write")
    try:
        await keeper.check()
    except GatewayError as error:
        log.info("a change will be applied later", extra={"reason": error.reason})
    except Exception:  # the change is made, and its answer must not be lost; the keeper tries again by itself
        log.exception("a change will be applied later")


def _calm_collector() -> None:
    """What was made up to here stays until the end, so nobody needs to look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
